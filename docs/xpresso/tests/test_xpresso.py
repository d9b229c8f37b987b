from tracksmith.testing import conformance

TestXpresso = conformance("xpresso")
