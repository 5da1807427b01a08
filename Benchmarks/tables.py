"""Medians of many runs, and ours against each of the others."""
from statistics import median

FIELDS = {"rate": "ops/s", "p50_us": "p50 µs", "p99_us": "p99 µs", "acq_p50_us": "acquire p50 µs", "requests": "requests/op"}
# What is compared: more is better for the first, less for the second.
COMPARED = {"rate": "ops/s, latchkey ÷ this", "p50_us": "p50, latchkey ÷ this"}


def summary(runs, workloads, names):
    """One dictionary for each workload and program: medians, and `versus`: our median by its, with the range over repetitions."""
    rows = []
    for workload in workloads:
        done = {n: [r for r in runs if (r["peer"], r["workload"]) == (n, workload) and "error" not in r] for n in names}
        for name in (name for name in names if done[name]):
            medians = {f: median(r[f] for r in done[name]) for f in FIELDS if all(r.get(f) for r in done[name])}
            row = {"workload": workload, "program": name, "runs": len(done[name]), **medians}
            if name != names[0] and done[names[0]]:
                row["versus"] = {field: against(done[names[0]], done[name], field) for field in COMPARED if field in medians}
            rows.append(row)
    return rows


def against(ours, theirs, field):
    """The range is that of runs side by side, in the same repetition."""
    values = {r["repetition"]: r[field] for r in theirs}
    pairs = [r[field] / values[r["repetition"]] for r in ours if r.get(field) and r["repetition"] in values]
    if not pairs:
        return None
    ratio = median(r[field] for r in ours if r.get(field)) / median(values.values())
    return {"ratio": ratio, "least": min(pairs), "most": max(pairs)}


def markdown(rows):
    def number(row, field):
        if field not in row:
            return "–"
        return f"{row[field]:.2f}" if field == "requests" else f"{row[field]:,.0f}"

    def comparison(row, field):
        found = row.get("versus", {}).get(field)
        if not found:
            return ""
        spread = f" ({found['least']:.2f} to {found['most']:.2f})" if row["runs"] > 1 else ""
        return f"{found['ratio']:.2f}{spread}"

    table = [["workload", "program", *FIELDS.values(), *COMPARED.values()], ["---", "---", *["---:"] * (len(FIELDS) + len(COMPARED))]]
    for row in rows:
        table.append([row["workload"], row["program"], *(number(row, f) for f in FIELDS), *(comparison(row, f) for f in COMPARED)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table)
