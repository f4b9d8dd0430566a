"""The key of a number, as the library says it of any text."""

from hypothesis import example, given
from hypothesis import strategies as st
from stdnum.fr import nir

from patients.ins import Ins


@given(
    st.one_of(
        st.from_regex(r"[0-9]{5}(2A|2B|[0-9]{2})[0-9]{6}", fullmatch=True), st.text("0123456789AB１ _-", max_size=16)
    )
)
@example("2550814168025")  # the specimen: its key is 38
@example("1840B2A")
def test_a_key_is_right_when_the_library_says_so(number):
    known = [f"{number}{key:02d}" for key in (1, 38, 97)] + [number]
    if len(number) == 13 and number.isascii() and number.isdigit():
        known.append(number + nir.calc_check_digits(number))
    for one in known:
        written_whole = one == nir.compact(one)
        assert Ins(one).key_valid is (nir.is_valid(one) and written_whole), one


def test_the_key_of_the_specimen_is_thirty_eight():
    assert [key for key in range(1, 98) if Ins(f"2550814168025{key:02d}").key_valid] == [38]
