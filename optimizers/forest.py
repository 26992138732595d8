"""Decision trees by Gini impurity on bootstrapped samples with random subsets of features: a random forest."""
import random


class Leaf:
    def __init__(self, gain):
        self.gain = gain


class Split:
    def __init__(self, feature, limit, low, high):
        self.feature, self.limit, self.low, self.high = feature, limit, low, high


def impurity(gains, losses):
    total = gains + losses
    return 0 if total == 0 else 2 * gains * losses / total


def best_split(rows, features):
    """(feature, limit) that leaves the least impurity, or None if none parts the rows."""
    best, found = impurity(sum(y for _, y in rows), sum(not y for _, y in rows)), None
    for feature in features:
        ordered = sorted(rows, key=lambda r: r[0][feature])
        low = [0, 0]
        high = [sum(not y for _, y in rows), sum(y for _, y in rows)]
        for (x, y), (following, _) in zip(ordered, ordered[1:]):
            low[y] += 1
            high[y] -= 1
            if x[feature] == following[feature]:
                continue
            rest = impurity(low[1], low[0]) + impurity(high[1], high[0])
            if rest < best - 1e-9:
                best, found = rest, (feature, (x[feature] + following[feature]) / 2)
    return found


def grow(rows, rng, depth, least):
    gains = sum(y for _, y in rows)
    if depth == 0 or len(rows) < 2 * least or gains in (0, len(rows)):
        return Leaf(2 * gains >= len(rows))
    count = len(rows[0][0])
    split = best_split(rows, rng.sample(range(count), max(1, round(count ** 0.5)) + 1))
    if split is None:
        return Leaf(2 * gains >= len(rows))
    feature, limit = split
    low = [r for r in rows if r[0][feature] <= limit]
    high = [r for r in rows if r[0][feature] > limit]
    if min(len(low), len(high)) < least:
        return Leaf(2 * gains >= len(rows))
    return Split(feature, limit, grow(low, rng, depth - 1, least), grow(high, rng, depth - 1, least))


def forest(rows, seed, trees=25, depth=5, least=3):
    """rows: [(features, gained)]"""
    rng = random.Random(seed)
    return [grow(rng.choices(rows, k=len(rows)), rng, depth, least) for _ in range(trees)]


def vote(trees, x):
    """The share of trees that take x for a gain."""
    gains = 0
    for t in trees:
        while isinstance(t, Split):
            t = t.low if x[t.feature] <= t.limit else t.high
        gains += t.gain
    return gains / len(trees)
