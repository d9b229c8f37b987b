"""Every hub setting that tracksmith writes, in one table, and the others it knows by name.

A row holds the name, the roles of the stanzas that may hold it, the track
types it belongs to (none: all), the grammar of its value, and its level as in
UCSC's documentation of trackDb settings: required, base, full, new.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from tracksmith.hub import values as v

__all__ = ["KNOWN_TYPES", "SETTINGS", "Setting", "find_setting", "is_known"]


@dataclass(frozen=True)
class Setting:
    """One setting. A name that ends in ``.`` takes a field name after it, ``#`` a digit."""

    name: str
    roles: frozenset[str]
    types: frozenset[str]
    level: str
    grammar: v.Grammar

    def allowed(self, role: str, track_type: str) -> bool:
        """Say whether a stanza of this role and type may hold the setting."""
        if role not in self.roles:
            return False
        return not self.types or role != "leaf" or track_type in self.types


def _row(
    name: str, roles: str, grammar: v.Grammar, types: str = "", level: str = "full"
) -> Setting:
    return Setting(name, frozenset(roles.split()), frozenset(types.split()), level, grammar)


_TRACK = "super composite multiwig leaf"
_BELOW = "composite multiwig leaf"
_WIG = "bigWig"
_BED = "bigBed bigLolly bigInteract"
_FILTERED = "leaf"

SETTINGS: tuple[Setting, ...] = (
    # the hub and its genome
    _row("hub", "hub", v.word, level="required"),
    _row("shortLabel", f"hub {_TRACK}", v.text_up_to(v.SHORT_LABEL), level="required"),
    _row("longLabel", f"hub {_TRACK}", v.text_up_to(v.LONG_LABEL), level="required"),
    _row("useOneFile", "hub", v.choice("on"), level="base"),
    _row("genomesFile", "hub", v.relative_url, level="base"),
    _row("email", "hub", v.mail, level="required"),
    _row("descriptionUrl", "hub", v.html_path, level="base"),
    _row("genome", "genome", v.word, level="required"),
    _row("trackDb", "genome", v.relative_url, level="base"),
    _row("description", "genome", v.one_line, level="base"),
    _row("organism", "genome", v.one_line, level="base"),
    _row("scientificName", "genome", v.one_line),
    _row("defaultPos", "genome", v.word, level="base"),
    _row("orderKey", "genome", v.number),
    _row("twoBitPath", "genome", v.relative_url, level="base"),
    _row("groups", "genome", v.relative_url),
    _row("htmlPath", "genome", v.html_path),
    _row("chromSizes", "genome", v.relative_url),
    # groups.txt
    _row("name", "group", v.name_problem, level="required"),
    _row("label", "group", v.one_line, level="required"),
    _row("defaultIsClosed", "group", v.choice("0", "1")),
    # every track
    _row("track", _TRACK, v.name_problem, level="required"),
    _row("type", _TRACK, v.track_type, level="required"),
    _row("parent", _BELOW, v.parent, level="base"),
    _row("group", _TRACK, v.name_problem),
    _row("visibility", _TRACK, v.choice("hide", "dense", "squish", "pack", "full")),
    _row("html", _TRACK, v.html_path, level="base"),
    _row("color", _TRACK, v.colour, level="base"),
    _row("altColor", _TRACK, v.colour),
    _row("priority", f"group {_TRACK}", v.number, level="base"),
    _row("dataVersion", _TRACK, v.one_line),
    _row("bigDataUrl", "leaf", v.relative_url, level="required"),
    # containers
    _row("superTrack", "super", v.choice("on", "on show"), level="base"),
    _row("compositeTrack", "composite", v.choice("on", "faceted"), level="base"),
    _row("container", "multiwig", v.choice("multiWig")),
    _row(
        "aggregate",
        "multiwig",
        v.choice("transparentOverlay", "stacked", "solidOverlay", "none"),
    ),
    _row("showSubtrackColorOnUi", "multiwig", v.on_off),
    _row("subGroup#", "composite", v.anything, level="base"),
    _row("subGroups", "leaf multiwig", v.pairs, level="base"),
    _row("dimensions", "composite", v.pairs, level="base"),
    _row("sortOrder", "composite", v.pairs),
    _row("dragAndDrop", "composite", v.choice("subTracks")),
    _row("metaDataUrl", "composite", v.relative_url, level="new"),
    _row("primaryKey", "composite", v.word, level="new"),
    _row("maxCheckboxes", "composite", v.integer, level="new"),
    # signals
    _row("autoScale", _BELOW, v.choice("on", "off", "group"), f"{_WIG} bigLolly"),
    _row("viewLimits", _BELOW, v.limits, f"{_WIG} bigLolly"),
    _row("viewLimitsMax", _BELOW, v.limits, f"{_WIG} bigLolly"),
    _row("maxHeightPixels", _BELOW, v.pixels, f"{_WIG} bigLolly bigInteract"),
    _row("alwaysZero", _BELOW, v.on_off, _WIG),
    _row(
        "windowingFunction",
        _BELOW,
        v.choice("mean+whiskers", "mean", "maximum", "minimum"),
        _WIG,
    ),
    _row("graphTypeDefault", _BELOW, v.choice("points", "bar"), _WIG),
    _row("gridDefault", _BELOW, v.on_off, _WIG),
    _row("yLineMark", _BELOW, v.number, _WIG),
    _row("yLineOnOff", _BELOW, v.on_off, _WIG),
    _row("negateValues", _BELOW, v.on_off, _WIG),
    _row("smoothingWindow", _BELOW, v.anything, _WIG),
    _row("transformFunc", _BELOW, v.choice("NONE", "LOG"), _WIG),
    _row("mouseOverFunction", _BELOW, v.choice("noAverage"), _WIG, "new"),
    _row("logo", "leaf", v.on_off, _WIG, "new"),
    _row("maxWindowToDraw", _BELOW, v.integer),
    _row("maxWindowToQuery", _BELOW, v.integer, level="new"),
    # items
    _row("itemRgb", _BELOW, v.on_off, _BED),
    _row("maxItems", "leaf", v.integer, _BED),
    _row("mouseOver", _FILTERED, v.anything, _BED),
    _row("mouseOverField", _FILTERED, v.field_words, _BED),
    _row("labelFields", _FILTERED, v.field_words, _BED),
    _row("defaultLabelFields", _FILTERED, v.field_words, _BED),
    _row("searchIndex", _FILTERED, v.field_words, _BED),
    _row("skipFields", _FILTERED, v.field_words, _BED),
    _row("skipEmptyFields", _FILTERED, v.on_off, _BED),
    _row("noScoreFilter", _FILTERED, v.on_off, _BED),
    _row("filter.", _FILTERED, v.numbers, _BED),
    _row("filterByRange.", _FILTERED, v.on_off, _BED),
    _row("filterLimits.", _FILTERED, v.limits, _BED),
    _row("filterLabel.", _FILTERED, v.one_line, _BED),
    _row("filterValues.", _FILTERED, v.one_line, _BED),
    _row("filterText.", _FILTERED, v.anything, _BED),
    # arcs
    _row(
        "interactDirectional",
        "leaf",
        v.choice("true", "offsetSource", "offsetTarget", "clusterSource", "clusterTarget"),
        "bigInteract",
    ),
    _row("interactUp", "leaf", v.choice("true", "false"), "bigInteract"),
    # lollipops
    _row("lollyField", "leaf", v.word, "bigLolly"),
    _row("lollySizeField", "leaf", v.word, "bigLolly"),
    _row("lollyMaxSize", "leaf", v.integer, "bigLolly"),
    _row("lollyNoStems", "leaf", v.on_off, "bigLolly"),
    _row("yAxisLabel.", "leaf", v.y_label, "bigLolly"),
    _row("yAxisNumLabels", "leaf", v.on_off, "bigLolly"),
)

_TYPE_NAMES = """
bam bigBarChart bigBed bigChain bigDbSnp bigGenePred bigInteract bigLolly bigMaf bigMethyl
bigNarrowPeak bigNet bigPsl bigRmsk bigWig cram halSnake hic longTabix vcfPhasedTrio vcfTabix
"""
KNOWN_TYPES = frozenset(_TYPE_NAMES.split())

_OTHER_NAMES = """
accessionFacet allButtonPair bamColorMode bamColorTag bamGrayMode bamSkipPrintQualScore barChartBars
barChartCategoryUrl barChartColors barChartFacets barChartLabel barChartMatrixUrl barChartMetric
barChartSampleUrl barChartStatsUrl barChartStretchToItem barChartUnit baseColorDefault
baseColorTickColor baseColorUseCds baseColorUseSequence bedNameLabel bigDataIndex boxedCfg canPack
centerLabelsDense chainColor chainNormScoreAvailable chromosomes colorByStrand colorFields
colorSettingsUrl configurable configureByPopup darkerLabels dataTypes decorator defaultSortField
defaultViewLimits denseCoverage detailsBoxesEnabled detailsDynamicTable detailsStaticTable
dimensionAchecked dimensionBchecked dimensionCchecked directUrl doWiggle downloadUrl endsVisible
exonArrows exonArrowsDense exonNumbers extraTableFields filterBy filterComposite frames
hapClusterColorBy hapClusterEnabled hapClusterHeight hapClusterMethod hapClusterTreeAngle
hideEmptySubtracks hideEmptySubtracksLabel hideEmptySubtracksMultiBedUrl
hideEmptySubtracksSourcesUrl highlightBy highlightColor iframeOptions iframeUrl include
indelDoubleInsert indelPolyA indelQueryInsert interactMultiRegion
intronGap irows itemBigImagePath itemFirstCharCase itemImagePath labelSeparator linkDataUrl
linkIdInName logoMaf maxWindowCoverage mergeSpannedItems meta metadata minAliQual minGrayLevel
multiRegionsBedUrl nextExonText nextItemButton noInherit onlyVisibility origAssembly otherDb
otherTwoBitUrl pairEndsByName pairSearchRange pairwiseHeight pennantIcon prevExonText pslSequence
sampleMetadataFile scoreFilter scoreFilterByRange scoreFilterLimits scoreFilterMax scoreLabel
scoreMax scoreMin searchTrix sepFields setColorWith showCdsAllScales showCdsMaxZoom
showDiffBasesAllScales showDiffBasesMaxZoom showHardyWeinberg showNames showTopScorers
signalFilter signalFilterLimits speciesCodonDefault speciesDefaultOff speciesGroups speciesLabels
speciesOrder spectrum style subtrackUrls summary tableBrowser thickDrawItem url urlLabel urls
useScore vcfChildSample vcfDoFilter vcfDoMaf vcfDoMinAc vcfDoQual vcfParentSamples
vcfPhasedColorBy vcfUseAltSampleNames view viewUi xrefDataUrl blat chromAlias chromAliasBb
chromAuthority chromSizesUrl codonTable isPcr taxId transBlat twoBitBptUrl
"""
_OTHERS = frozenset(_OTHER_NAMES.split())
_OTHER_PREFIXES: tuple[str, ...] = (
    "filterType.",
    "filterPriority.",
    "highlight.",
    "filterDefault.",
)
_OTHER_PREFIXES += ("highlightByRange.", "highlightLimits.", "highlightValues.", "highlightText.")

_EXACT = {setting.name: setting for setting in SETTINGS if setting.name[-1] not in ".#"}
_PREFIXED = {setting.name[:-1]: setting for setting in SETTINGS if setting.name.endswith(".")}
_OLD_FORM = re.compile(r"(?P<field>[A-Za-z_]\w*)(?P<kind>Filter|FilterByRange|FilterLimits)")


@cache
def find_setting(name: str) -> Setting | None:
    """Return the row of a setting: ``filter.score`` finds ``filter.``, ``subGroup2`` its row."""
    if name in _EXACT:
        return _EXACT[name]
    head, dot, field = name.partition(".")
    if dot and field:
        return _PREFIXED.get(head)
    if re.fullmatch(r"subGroup[1-9]", name):
        return next(setting for setting in SETTINGS if setting.name == "subGroup#")
    return None


def is_known(name: str) -> bool:
    """Say whether UCSC knows the setting, written by tracksmith or not."""
    if find_setting(name) is not None or name in _OTHERS or _OLD_FORM.fullmatch(name):
        return True
    return name.startswith(_OTHER_PREFIXES)
