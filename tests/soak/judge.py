"""From one sample a second to a verdict."""
import collections

MIB = 1 << 20

# life: which of the server's processes, counted from 0. All sizes in MiB.
Sample = collections.namedtuple("Sample", "seconds life ops rss anonymous file log disk flushes errors")

Bounds = collections.namedtuple("Bounds", "rss growth log disk flushes")


def bounds(maxmemory, checkpoint_log, dataset):
    """All in MiB. What is demanded, and why as much as that."""
    return Bounds(
        # A process without records, a flush's transaction, pipelines of large values under way (as input, in the turn's
        # batch, as replies) and mapped pages take about 65 MiB whatever maxmemory is: with 288 MiB or more the bound
        # is maxmemory + 25 %.
        rss=max(maxmemory * 1.25, maxmemory + 72),
        growth=max(maxmemory * 0.10, 8),            # of the line through the seconds that count; flushes are its noise
        log=2 * checkpoint_log + maxmemory,         # one flush runs, one part waits, and writes wait at maxmemory / 2
        disk=3 * dataset + 2 * checkpoint_log + maxmemory,  # a flush writes pages anew before it frees the old ones
        flushes=2)                                  # fewer, and the run says nothing about them


def warm(samples, duration):
    """Without the first quarter, without the reading at the end, and of each process that follows a crash without the
    time until its memory is as full as that of the first."""
    counted = [s for s in samples if s.life == 0 and duration / 4 <= s.seconds <= duration]
    full = min((s.rss for s in counted), default=max(s.rss for s in samples if s.life == 0))
    filled = set()
    for sample in samples:
        if sample.life > 0 and sample.rss >= full:
            filled.add(sample.life)
        if sample.life in filled and duration / 4 <= sample.seconds <= duration:
            counted.append(sample)
    return counted


def slope(samples):
    """MiB a second: the least squares line through the resident memory, with an offset for each process."""
    over = under = 0.0
    for life in {s.life for s in samples}:
        of_life = [s for s in samples if s.life == life]
        mean_seconds = sum(s.seconds for s in of_life) / len(of_life)
        mean_rss = sum(s.rss for s in of_life) / len(of_life)
        over += sum((s.seconds - mean_seconds) * (s.rss - mean_rss) for s in of_life)
        under += sum((s.seconds - mean_seconds) ** 2 for s in of_life)
    return over / under if under else 0.0


def verdicts(samples, duration, errors, limit):
    """(what is demanded, what was found, whether it holds) for each demand."""
    counted = warm(samples, duration)
    if len(counted) < 3:
        return [("samples", f"{len(counted)} after the warm-up, 3 are needed", False)]
    seconds = counted[-1].seconds - counted[0].seconds
    growth = slope(counted) * seconds
    rss, log, disk = (max(getattr(s, field) for s in samples) for field in ("rss", "log", "disk"))
    flushes = sum(max(s.flushes for s in samples if s.life == life) for life in {s.life for s in samples})
    return [
        ("replies", f"{errors} wrong", errors == 0),
        ("memory", f"{rss:.1f} MiB resident at most; bound {limit.rss:.1f}", rss <= limit.rss),
        ("growth", f"{growth:+.1f} MiB in {seconds:.0f} s; bound {limit.growth:.1f}", growth <= limit.growth),
        ("log", f"{log:.1f} MiB at most; bound {limit.log:.1f}", log <= limit.log),
        ("disk", f"{disk:.1f} MiB at most; bound {limit.disk:.1f}", disk <= limit.disk),
        ("flushes", f"{flushes}; at least {limit.flushes} are needed", flushes >= limit.flushes),
    ]


def table(samples, period):
    """One row a period, usually a minute."""
    print(f"{'minute':>6} {'ops':>9} {'RSS min':>8} {'max':>6} {'anon':>6} {'file':>6} {'log MiB':>8} {'disk MiB':>9} "
          f"{'flushes':>8} {'errors':>7}")
    last_ops = 0
    for number in range(int(samples[-1].seconds // period) + 1):
        rows = [s for s in samples if s.seconds // period == number]
        if not rows:
            continue
        most = lambda field: max(getattr(s, field) for s in rows)
        print(f"{rows[0].seconds / 60:>6.1f} {rows[-1].ops - last_ops:>9} {min(s.rss for s in rows):>8.1f} "
              f"{most('rss'):>6.1f} {most('anonymous'):>6.1f} {most('file'):>6.1f} {most('log'):>8.1f} "
              f"{most('disk'):>9.1f} {rows[-1].flushes:>8} {rows[-1].errors:>7}")
        last_ops = rows[-1].ops
