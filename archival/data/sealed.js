"use strict";
// Opens the copy that this page carries: the passphrase makes the key, the parts become a ZIP, its index the page.
const head = JSON.parse(document.getElementById("head").textContent);
const form = document.getElementById("open");
const said = document.getElementById("said");
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const utf8 = new TextEncoder();
const TYPES = {
  pdf: "application/pdf", html: "text/html;charset=utf-8", jpg: "image/jpeg", png: "image/png",
  txt: "text/plain;charset=utf-8", json: "application/json", csv: "text/csv;charset=utf-8", xml: "application/octet-stream",
};
const SHOWN = new Set(["pdf", "html", "jpg", "png", "txt"]);

async function keyOf(passphrase) {
  const material = await crypto.subtle.importKey("raw", utf8.encode(passphrase.trim()), "PBKDF2", false, ["deriveKey"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt: bytes(head.salt), iterations: head.iterations };
  return crypto.subtle.deriveKey(how, material, { name: "AES-GCM", length: 256 }, false, ["decrypt"]);
}

async function unsealed(key) {
  const parts = [...document.querySelectorAll("script.part")];
  const opened = [];
  for (let number = 0; number < parts.length; number += 1) {
    const nonce = new Uint8Array(12);
    nonce.set(bytes(head.prefix));
    new DataView(nonce.buffer).setUint32(7, number);
    nonce[11] = number === parts.length - 1 ? 1 : 0;
    const how = { name: "AES-GCM", iv: nonce, additionalData: utf8.encode(head.format) };
    opened.push(await crypto.subtle.decrypt(how, key, bytes(parts[number].textContent)));
    said.textContent = `Ouverture : ${Math.round((100 * (number + 1)) / parts.length)} %`;
  }
  return new Blob(opened, { type: "application/zip" });
}

const view = async (blob, start, size) => new DataView(await blob.slice(start, start + size).arrayBuffer());

async function entriesOf(blob) {
  const end = await view(blob, blob.size - 22, 22);
  const directory = await view(blob, end.getUint32(16, true), end.getUint32(12, true));
  const entries = new Map();
  for (let at = 0, left = end.getUint16(10, true); left > 0; left -= 1) {
    const name = directory.getUint16(at + 28, true);
    const path = new TextDecoder().decode(new Uint8Array(directory.buffer, at + 46, name));
    entries.set(path, {
      packed: directory.getUint16(at + 10, true) === 8,
      size: directory.getUint32(at + 20, true),
      place: directory.getUint32(at + 42, true),
    });
    at += 46 + name + directory.getUint16(at + 30, true) + directory.getUint16(at + 32, true);
  }
  return entries;
}

async function read(blob, entry, type) {
  const local = await view(blob, entry.place, 30);
  const start = entry.place + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  const raw = blob.slice(start, start + entry.size);
  const stream = entry.packed ? raw.stream().pipeThrough(new DecompressionStream("deflate-raw")) : raw.stream();
  return new Blob([await new Response(stream).arrayBuffer()], { type });
}

function give(blob, name, shown) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  if (shown) link.target = "_blank";
  else link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

async function show(blob) {
  const entries = await entriesOf(blob);
  const index = await (await read(blob, entries.get("index.html"), TYPES.html)).text();
  const page = new DOMParser().parseFromString(index, "text/html");
  const save = page.createElement("p");
  save.className = "open";
  const all = page.createElement("a");
  all.href = "#";
  all.dataset.all = "1";
  all.textContent = "Enregistrer tous les fichiers (ZIP)";
  save.append(all);
  page.querySelector("main").prepend(save);
  document.title = page.title;
  document.head.querySelector("style").textContent = page.querySelector("style").textContent;
  document.body.replaceChildren(...page.body.childNodes);
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    const path = link.getAttribute("href");
    const extension = path.split(".").pop();
    if (link.dataset.all) {
      event.preventDefault();
      give(blob, "dossier.zip", false);
    } else if (entries.has(path)) {
      event.preventDefault();
      const type = TYPES[extension] || "application/octet-stream";
      give(await read(blob, entries.get(path), type), path.split("/").pop(), SHOWN.has(extension));
    }
  });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  said.textContent = "Vérification de la phrase secrète…";
  try {
    const blob = await unsealed(await keyOf(document.getElementById("passphrase").value));
    await show(blob);
  } catch (error) {
    said.textContent = "Cette phrase n'ouvre pas le fichier. Vérifiez les majuscules et les espaces, puis recommencez.";
  }
});
