"""Routes as clients of other systems call them: EarthRanger, Gundi, Movebank."""
