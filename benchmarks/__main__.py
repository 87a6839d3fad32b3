"""Every benchmark, one after the other: `make bench`."""

from benchmarks import concurrency, power_law, spectrum, streaming, weightwatcher

for benchmark in (power_law, spectrum, concurrency, streaming, weightwatcher):
    print(f"\n{benchmark.__doc__}\n")
    benchmark.main()
