"""The farm: gatherers and fighters on a plane of regrowing resources."""
