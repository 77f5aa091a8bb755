"""Covariances of the within estimator in 80 digits, from the definitions and in other ways than the package.

Arrays are numpy arrays of `decimal.Decimal`, so that no double can slip in. Clusters hold whole units.
"""

import itertools
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cached_property

import numpy as np

DIGITS = Context(prec=80)


def exact(values):
    """Turn doubles into decimals without rounding."""
    return np.vectorize(Decimal, otypes=[object])(np.asarray(values, dtype=float))


def inverse(matrix):
    """Invert by Gauss and Jordan, the largest pivot first."""
    k = len(matrix)
    work = np.hstack([matrix.copy(), exact(np.eye(k))])
    for j in range(k):
        pivot = j + int(np.argmax([abs(v) for v in work[j:, j]]))
        work[[j, pivot]] = work[[pivot, j]]
        work[j] = work[j] / work[j, j]
        for i in range(k):
            if i != j:
                work[i] = work[i] - work[i, j] * work[j]
    return work[:, k:]


def inverse_root(matrix):
    """Take the inverse square root of a positive definite matrix by the iteration of Denman and Beavers."""
    root, inverted = matrix.copy(), exact(np.eye(len(matrix)))
    for _ in range(300):
        root, inverted = (root + inverse(inverted)) / 2, (inverted + inverse(root)) / 2
        if (
            max(abs(v) for v in (inverted @ matrix @ inverted - exact(np.eye(len(matrix)))).ravel())
            < Decimal(10) ** -40
        ):
            return inverted
    raise AssertionError("the iteration has not converged")


def cholesky(matrix):
    """Lower triangle L of L L'."""
    L = exact(np.zeros(matrix.shape))
    for i, j in itertools.product(range(len(matrix)), repeat=2):
        if j <= i:
            left = matrix[i, j] - sum((L[i, m] * L[j, m] for m in range(j)), Decimal(0))
            L[i, j] = left.sqrt() if i == j else left / L[j, j]
    return L


@dataclass
class Exact:
    """A fit from doubles: outcome (n,), columns (n, k), weights, and codes of units, clusters and periods."""

    y: np.ndarray
    X: np.ndarray
    w: np.ndarray
    units: np.ndarray
    clusters: np.ndarray
    periods: np.ndarray

    def __post_init__(self):
        self.n, self.k = self.X.shape
        self.G, self.M = int(self.units.max()) + 1, int(self.clusters.max()) + 1
        self.levels = np.column_stack([exact(self.X), exact(self.y)])
        self.weight = exact(self.w) * int(self.n) / sum(exact(self.w))
        within = self.levels - self.sums(self.levels, self.units)[self.units] / self.of_unit[:, None]
        self.within, self.outcome = within[:, :-1], within[:, -1]
        self.A = inverse((self.within * self.weight[:, None]).T @ self.within)
        self.b = self.A @ (self.within.T @ (self.weight * self.outcome))
        self.e = self.outcome - self.within @ self.b
        self.mean = self.weight @ self.levels / self.n
        self.df = self.n - self.G - self.k

    @property
    def of_unit(self):
        """Sum of weights of each row's unit."""
        return self.sums(exact(np.ones((self.n, 1))), self.units)[self.units, 0]

    def sums(self, values, codes):
        """Weighted sums over groups."""
        total = exact(np.zeros((codes.max() + 1, values.shape[1])))
        for row, code in enumerate(codes):
            total[code] = total[code] + self.weight[row] * values[row]
        return total

    @cached_property
    def influence(self):
        """Influence of each row on (b, constant)."""
        slopes = (self.within * (self.weight * self.e)[:, None]) @ self.A
        constant = self.weight * self.e / self.n - slopes @ self.mean[:-1]
        return np.column_stack([slopes, constant])

    def grouped(self, codes):
        """Influence of each group."""
        total = exact(np.zeros((codes.max() + 1, self.k + 1)))
        for row, code in enumerate(codes):
            total[code] = total[code] + self.influence[row]
        return total

    def classical(self):
        J = exact(np.eye(self.k + 1))
        J[-1, :-1] = -self.mean[:-1]
        inner = exact(np.zeros((self.k + 1, self.k + 1)))
        inner[:-1, :-1], inner[-1, -1] = self.A, Decimal(1) / self.n
        return J @ inner @ J.T * (self.weight @ self.e**2 / self.df)

    def hc1(self):
        return self.influence.T @ self.influence * self.n / self.df

    def by_leverage(self, power):
        Z = self.within @ self.A
        h = self.weight * (sum((Z * self.within).T) + 1 / self.of_unit)
        F = self.influence / np.array([(1 - one) ** (Decimal(power) / 2) for one in h])[:, None]
        return F.T @ F

    def clustered(self, codes, convention="none"):
        F, M = self.grouped(codes), codes.max() + 1
        factor = Decimal(int(M)) / int(M - 1) * (self.n - 1) / self.df if convention == "areg" else 1
        return F.T @ F * factor

    def driscoll_kraay(self, lags):
        F = exact(np.zeros((self.periods.max() + 1, self.k + 1)))
        F[: self.periods.max() + 1] = self.grouped(self.periods)
        V = F.T @ F
        for lag in range(1, lags + 1):
            product = F[lag:].T @ F[:-lag]
            V = V + (1 - Decimal(lag) / (lags + 1)) * (product + product.T)
        return V

    def jackknife(self):
        """By fits without each cluster."""
        changes = []
        for g in range(self.M):
            rest = self.clusters != g
            codes = np.unique(self.units[rest], return_inverse=True)[1]
            left = Exact(self.y[rest], self.X[rest], self.w[rest], codes, codes, codes)
            constant = left.mean[-1] - left.mean[:-1] @ left.b - (self.mean[-1] - self.mean[:-1] @ self.b)
            changes.append(np.append(left.b - self.b, constant))
        F = np.array(changes)
        return F.T @ F * (self.M - 1) / self.M

    def cr2(self):
        """Without weights: residuals times (I - H)_g^(-1/2), in coordinates in which X'X is the identity."""
        L = cholesky((self.within * self.weight[:, None]).T @ self.within)
        turn = inverse(L).T
        Q, rows = self.within @ turn, []
        for g in range(self.M):
            one, w = self.clusters == g, self.weight[self.clusters == g]
            share = (Q[one] * w[:, None]).T @ Q[one]
            adjusted = inverse_root(exact(np.eye(self.k)) - share) @ (Q[one].T @ (w * self.e[one]))
            rows.append(np.append(turn @ adjusted, -self.mean[:-1] @ turn @ adjusted))
        F = np.array(rows)
        return F.T @ F

    def wild(self, j):
        """t statistic of coefficient j, without factor, and its p value over all vectors of signs."""
        others = [i for i in range(self.k) if i != j]
        X = self.within[:, others]
        solved = inverse((X * self.weight[:, None]).T @ X) @ (X.T @ (self.weight * self.outcome))
        fitted = X @ solved
        restricted = self.outcome - fitted
        observed = abs(self.t(self.outcome, j))
        signs = itertools.product([1, -1], repeat=self.M)
        t = [abs(self.t(fitted + restricted * np.array(v, dtype=object)[self.clusters], j)) for v in signs]
        return observed, np.mean([one >= observed * (1 - Decimal(10) ** -9) for one in t])

    def t(self, outcome, j):
        b = self.A @ (self.within.T @ (self.weight * outcome))
        e = outcome - self.within @ b
        scores = (self.within * (self.weight * e)[:, None]) @ self.A[:, j]
        sums = [sum(scores[self.clusters == g]) for g in range(self.M)]
        return b[j] / sum(s * s for s in sums).sqrt()
