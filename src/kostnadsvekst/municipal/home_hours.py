"""Hours of a home-care service: decided, delivered, paid, and available when absences are taken out."""

import math
from dataclasses import dataclass, fields

from kostnadsvekst.municipal.given_numbers import number_faults, refuse, week_faults

DAYS_PER_WEEK = 5  # of a full-time post: 37.5 hours a week are 7.5 hours a day
_DAYS_OFF = ("training_days", "paid_leave_days", "public_holidays", "holiday_days")


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours and man-years of a home-care service.

    Give None for what is not known: what needs it is then left out by name. Planned or delivered hours must
    be known.

    Parameters
    ----------
    planned_per_week : float or None
        Decided hours per week, all recipients.
    delivered_per_week : float or None
        Hours per week that were given to recipients.
    fte : float or None
        Man-years in production; not administration.
    sick_leave : float or None
        Share of the hours left after the days off, for example 0.085.
    training_days, paid_leave_days, public_holidays : float or None
        Days per man-year and year.
    holiday_days : float or None
        Holiday, days per man-year and year. Assumed: the source's list of absences has no holiday; 0 follows
        the list to the letter.
    weekly_hours : float
        Of a full-time post: 37.5, or 35.5 on shifts.
    weeks : float
        Of the year; assumed: 52. The alternative is 365/7.

    Raises
    ------
    InvalidDataError
        Numbers that are negative or missing, a sick leave of 100 per cent or in per cent, more days off than
        the year has, neither planned nor delivered hours; all at once.

    Notes
    -----
    paid hours = fte × weekly_hours × weeks; available hours = fte × (weekly_hours × weeks − D × weekly_hours
    / 5) × (1 − sick_leave), D the sum of the days off. Assumed: the source names the absences, not their
    order; Norwegian statistics of sick leave count agreed working days without holidays.
    Source: KS, NHO and Virke, section 4.2 and 4.3.
    """

    planned_per_week: float | None
    delivered_per_week: float | None
    fte: float | None
    sick_leave: float | None
    training_days: float | None
    paid_leave_days: float | None
    public_holidays: float | None
    holiday_days: float | None = 25
    weekly_hours: float = 37.5
    weeks: float = 52

    def __post_init__(self) -> None:
        faults = [*self._faults_of_hours(), *self._faults_of_absence()]
        refuse("hours of the service", faults)

    @property
    def paid_hours(self) -> float | None:
        """Hours per year that man-years are paid for; None without man-years."""
        return None if self.fte is None else self.fte * self.weekly_hours * self.weeks

    @property
    def available_hours(self) -> float | None:
        """Hours per year after days off and sick leave; None if man-years or an absence are not given."""
        days = self.days_off
        if self.fte is None or days is None or self.sick_leave is None:
            return None
        year = self.weekly_hours * self.weeks - days * self.weekly_hours / DAYS_PER_WEEK
        return self.fte * year * (1 - self.sick_leave)

    @property
    def days_off(self) -> float | None:
        """Days per man-year and year of training, paid leave, public holidays and holiday."""
        days = [getattr(self, name) for name in _DAYS_OFF]
        return None if any(day is None for day in days) else math.fsum(days)

    @property
    def planned_per_year(self) -> float | None:
        """Decided hours per year."""
        return None if self.planned_per_week is None else self.planned_per_week * self.weeks

    @property
    def delivered_per_year(self) -> float | None:
        """Delivered hours per year."""
        return None if self.delivered_per_week is None else self.delivered_per_week * self.weeks

    def not_given(self, *names: str) -> list[str]:
        """Of some fields, those that are not given.

        Parameters
        ----------
        *names : str
            All fields if none is named.
        """
        names = names or tuple(field.name for field in fields(self))
        return [name for name in names if getattr(self, name) is None]

    def _faults_of_hours(self) -> list[str]:
        faults = week_faults(self.weeks)
        faults += number_faults("weekly_hours", self.weekly_hours, above=0, most=168)
        for name in ("planned_per_week", "delivered_per_week", "fte"):
            value = getattr(self, name)
            faults += [] if value is None else number_faults(name, value, above=0, remedy=_UNKNOWN)
        if self.planned_per_week is None and self.delivered_per_week is None:
            faults.append("neither planned nor delivered hours per week are given; one of them is needed")
        return faults

    def _faults_of_absence(self) -> list[str]:
        faults: list[str] = []
        for name in _DAYS_OFF:
            value = getattr(self, name)
            faults += [] if value is None else number_faults(name, value, least=0, most=366)
        if self.sick_leave is not None:
            remedy = "it is a share: 8.5 per cent are 0.085"
            faults += number_faults("sick_leave", self.sick_leave, least=0, below=1, remedy=remedy)
        faults = faults or week_faults(self.weeks)
        if not faults and (self.days_off or 0) >= self.weeks * DAYS_PER_WEEK:
            faults.append(
                f"{self.days_off:g} days off leave nothing of {self.weeks * DAYS_PER_WEEK:g} working days; "
                "give days per man-year and year"
            )
        return list(dict.fromkeys(faults))


_UNKNOWN = "if it is not known, leave it out (None)"
