"""Planning in joules, measured: collar-years in a second each, and what the best plan could do.

years        income and movement of a year, synthetic or from a real series
optimum      the clairvoyant optimum: an upper bound, and a plan that can be carried out
"""
