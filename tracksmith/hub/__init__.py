"""Looking and sharing: UCSC hubs, IGV sessions, pages, a checker, a server."""
