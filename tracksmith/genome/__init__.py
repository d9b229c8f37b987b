"""The genome: FASTA, contig names, intervals, regions, base codes, alleles."""
