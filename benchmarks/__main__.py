"""Every benchmark, one after the other: `make bench`."""

from benchmarks import (
    concurrency,
    farms,
    gpu,
    intruders,
    overhead,
    power_law,
    scaling,
    service,
    spectrum,
    streaming,
    uploads,
    weightwatcher,
    whole_process,
    widths,
)

EVERY = (
    power_law,
    spectrum,
    scaling,
    farms,
    overhead,
    concurrency,
    streaming,
    uploads,
    intruders,
    whole_process,
    weightwatcher,
    widths,
    service,
    gpu,
)

if __name__ == "__main__":
    for benchmark in EVERY:
        print(f"\n{benchmark.__doc__}\n", flush=True)
        benchmark.main()
