"""Build static/fonts/*.woff2 from the Spectral packages (a designer's tool, not used at run time).

Spectral and Spectral SC (SIL Open Font License 1.1, no reserved font name) come from the npm
packages @fontsource/spectral and @fontsource/spectral-sc. Web subsets of Spectral carry no small
capitals, so the SC face's drawn ones (glyphs *.sc) are put into the text face as `smcp` and `c2sc`: the
stylesheet then asks for `font-variant-caps` and gets drawn letters, and a fallback font still
shows something sensible.

    npm pack @fontsource/spectral @fontsource/spectral-sc     (unpack each into a folder)
    pip install fonttools brotli
    python docs/design/fonts.py SPECTRAL_FOLDER SPECTRAL_SC_FOLDER static/fonts
"""

import sys
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path

from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

# What English and Spanish letters use, and the neighbours' names one meets most (French,
# Portuguese, German, Italian, Scandinavian); everything else comes from the "more" file.
WESTERN = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿß"
TEXT = "".join(map(chr, range(0x20, 0x7F))) + "\u00a0¡§©ª«°·º»¿×–—‘’‚“”„•…€" + WESTERN
CAPS = "abcdefghijklmnopqrstuvwxyzáéíñóúüçèàâêôäöãõ"


def subset(font: TTFont, text: str, features: list[str]) -> None:
    """Keep only what `text` needs, with these layout features, unhinted."""
    options = Options()
    options.layout_features = features
    options.hinting = False
    options.notdef_outline = True
    options.name_IDs = [0, 1, 2, 4, 6, 13, 14]
    worker = Subsetter(options)
    worker.populate(text=text)
    worker.subset(font)


def add_small_caps(font: TTFont, capitals: TTFont) -> None:
    """Copy the drawn small capitals in as `*.sc` and switch them on by smcp and c2sc."""
    glyphs, cmap, other = capitals.getGlyphSet(), font.getBestCmap(), capitals.getBestCmap()
    order, small, large = font.getGlyphOrder(), [], []
    # Figures among small capitals are the oldstyle ones, which stand as high as they do.
    found = [(letter, ".sc") for letter in CAPS + "&"] + [(digit, ".OP") for digit in "0123456789"]
    for letter, ending in found:
        source, plain = other[ord(letter)] + ending, cmap[ord(letter)]
        name = f"{plain}.sc"
        record, pen = DecomposingRecordingPen(glyphs), TTGlyphPen(None)
        glyphs[source].draw(record)
        record.replay(pen)
        font["glyf"][name] = pen.glyph()
        font["hmtx"][name] = deepcopy(capitals["hmtx"][source])
        if letter.isalpha():
            small.append((plain, name))
        large.append((cmap[ord(letter.upper())], name))
        if name not in order:
            order.append(name)
    font.setGlyphOrder(order)
    rules = kept_rules(font) | {"smcp": pairs(small), "c2sc": pairs(large)}
    text = "".join(f"feature {tag} {{ {body} }} {tag};\n" for tag, body in rules.items())
    addOpenTypeFeaturesFromString(font, text, tables=["GSUB"])


def pairs(swaps: Iterable[tuple[str, str]]) -> str:
    """One substitution rule for each pair of glyph names."""
    return " ".join(f"sub {old} by {new};" for old, new in swaps)


def kept_rules(font: TTFont) -> dict[str, str]:
    """The font's own ligatures and proportional figures as rules: the table is written anew."""
    table, rules = font["GSUB"].table, {}
    for record in table.FeatureList.FeatureRecord:
        for index in record.Feature.LookupListIndex:
            for found in table.LookupList.Lookup[index].SubTable:
                found = getattr(found, "ExtSubTable", found)
                if hasattr(found, "ligatures"):
                    rules[record.FeatureTag] = " ".join(
                        f"sub {first} {' '.join(one.Component)} by {one.LigGlyph};"
                        for first, group in found.ligatures.items()
                        for one in group
                    )
                else:
                    rules[record.FeatureTag] = pairs(found.mapping.items())
    return rules


def rename(font: TTFont) -> None:
    """A changed font gets a name of its own, so that nobody takes it for the original."""
    for record in font["name"].names:
        if record.nameID in (1, 4, 6):
            record.string = str(record).replace("Spectral", "Campaign")


def build(spectral: Path, sc: Path, target: Path) -> None:
    """Write the files that campaign.css names."""
    target.mkdir(parents=True, exist_ok=True)
    faces = {"text": "400-normal", "italic": "400-italic", "bold": "600-normal"}
    for name, face in faces.items():
        font = TTFont(spectral / f"files/spectral-latin-{face}.woff2")
        if name == "text":
            capitals = TTFont(sc / "files/spectral-sc-latin-500-normal.woff2")
            subset(font, TEXT, ["kern", "liga", "pnum"])
            add_small_caps(font, capitals)
        else:
            subset(font, TEXT, ["kern", "liga", "pnum"])
        rename(font)
        font.flavor = "woff2"
        font.save(target / f"{name}.woff2")
        more = TTFont(spectral / f"files/spectral-latin-ext-{face}.woff2")
        rename(more)
        more.flavor = "woff2"
        more.save(target / f"{name}-more.woff2")
    (target / "OFL.txt").write_text((spectral / "LICENSE").read_text("utf-8"), "utf-8")


if __name__ == "__main__":
    build(*(Path(part) for part in sys.argv[1:4]))
