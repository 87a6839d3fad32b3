"""Every benchmark, one after the other: `make bench`."""

from benchmarks import power_law, spectrum, weightwatcher

for benchmark in (power_law, spectrum, weightwatcher):
    print(f"\n{benchmark.__doc__}\n")
    benchmark.main()
