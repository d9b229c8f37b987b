"""UCSC hubs, IGV sessions and pages of runs; checking and serving them."""
