"""OGC API - Features 1.0 (OGC 17-069r4) under /ogc, for QGIS, ArcGIS, GDAL and the like."""
