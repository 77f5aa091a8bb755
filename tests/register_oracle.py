"""Independent day-by-day count of a small register, written for clarity and nothing else."""

from collections import defaultdict
from datetime import date, timedelta

import pandas as pd

GROUPS = [("0-17", 0, 17), ("18-39", 18, 39), ("40-59", 40, 59), ("60-79", 60, 79), ("80+", 80, 999)]


def count_by_day(episodes: pd.DataFrame, start: str, end: str, overlap: str, by_municipality: bool) -> dict:
    """(municipality or "", service, age group, sex, Monday) -> users, users with hours, hundredths, ages."""
    first, last = date.fromisoformat(start), date.fromisoformat(end) + timedelta(days=6)
    seen: dict[tuple, list] = defaultdict(list)
    person_facts = {}
    for row in episodes.to_dict("records"):
        person_facts[row["person_id"]] = (row["birth_year"], row["sex"])
        hours = 0 if pd.isna(row["hours_per_week"]) else int(row["hours_per_week"] * 100 + 0.5)
        stop = last if pd.isna(row["end_date"]) else row["end_date"]
        day = max(row["start_date"], first)
        while day <= min(stop, last):
            monday = day - timedelta(days=day.weekday())
            place = row["municipality"] if by_municipality else ""
            seen[place, row["service"], row["person_id"], monday].append((row["start_date"], hours))
            day += timedelta(days=1)
    cube: dict[tuple, list] = defaultdict(lambda: [0, 0, 0, 0])
    for (place, service, person, monday), found in seen.items():
        birth_year, sex = person_facts[person]
        age = max(monday.isocalendar()[0] - birth_year, 0)
        group = next(name for name, low, high in GROUPS if low <= age <= high)
        hours = max(found)[1] if overlap == "latest" else max(hours for _, hours in found)
        cell = cube[place, service, group, sex, monday]
        cell[0] += 1
        cell[1] += hours > 0
        cell[2] += hours
        cell[3] += age
    return {key: tuple(cell) for key, cell in cube.items()}


def cube_to_dict(cube: pd.DataFrame) -> dict:
    """The same keys and integers from a cube frame."""
    found = {}
    for row in cube.to_dict("records"):
        key = (row.get("municipality", ""), row["service"], row["age_group"], row["sex"], row["week"].date())
        found[key] = (
            row["users"],
            row["users_with_hours"],
            round(row["hours"] * 100),
            round(row["mean_age"] * row["users"]),
        )
    assert len(found) == len(cube), "a cell occurs twice"
    return found
