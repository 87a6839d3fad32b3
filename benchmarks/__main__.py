"""Every benchmark, one after the other: `make bench`."""

from benchmarks import (
    concurrency,
    farms,
    first_look,
    gpu,
    intruders,
    overhead,
    pages,
    power_law,
    round_trip,
    scaling,
    service,
    spectrum,
    streaming,
    uploads,
    weightwatcher,
    whole_process,
    widths,
    workers,
)

EVERY = (
    power_law,
    spectrum,
    scaling,
    farms,
    first_look,
    overhead,
    concurrency,
    streaming,
    uploads,
    intruders,
    whole_process,
    weightwatcher,
    widths,
    service,
    pages,
    round_trip,
    workers,
    gpu,
)

if __name__ == "__main__":
    for benchmark in EVERY:
        print(f"\n{benchmark.__doc__}\n", flush=True)
        benchmark.main()
