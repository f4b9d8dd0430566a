from django.urls import path

from documents import views, views_care, views_mask, views_opening, views_own, views_preview

app_name = "documents"
urlpatterns = [
    path("", views.documents, name="list"),
    path("chercher/", views.search, name="search"),
    path("soins-rembourses/", views_care.care, name="care"),
    path("ajouter/", views_own.add, name="add"),
    path("<uuid:document_id>/", views.document, name="document"),
    path("<uuid:document_id>/fichier/", views.file, name="file"),
    path("<uuid:document_id>/extrait/", views.extract, name="extract"),
    path("<uuid:document_id>/image/", views.preview, name="preview"),
    path("<uuid:document_id>/masquer/", views_mask.mask, name="mask"),
    path("<uuid:document_id>/qui-le-voit/", views_preview.readers_of, name="readers"),
    path("<uuid:document_id>/ouvrir-a/", views_opening.search, name="open_to"),
    path("<uuid:document_id>/ouvrir-a/<uuid:professional_id>/", views_opening.choose, name="open_until"),
    path("<uuid:document_id>/refermer/<uuid:professional_id>/", views_opening.close, name="close_to"),
    path("<uuid:document_id>/demasquer/", views_own.unmask, name="unmask"),
    path("<uuid:document_id>/supprimer/", views_own.delete, name="delete"),
]
