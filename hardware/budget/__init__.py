"""Planning in joules, measured: collar-years in a second each, and what the best plan could do.

years        income and movement of a year, synthetic or from a real series
life         the collar's year as sums of joules: the twin's parts and searches, no bytes
track        how well fixes tell where an animal was
ours, rules  who plans in it: the firmware's pure modules; Kinefox's rule and fixed intervals
moves        what the receiver's knowledge makes a fix cost on the mean
optimum      the clairvoyant: an upper bound, and a plan that can be carried out
placing      where the optimum's joules would tell most of the track
programme    its loops, compiled
cases        all of these on the same year, side by side
full         the same years in the full twin, with the whole firmware
hardship     harsh years, deaths, wrong cost tables
kinefox      the twin's own validation against a real collar
"""
