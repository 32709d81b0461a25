"""The mixture of families, and batches of contexts of like length."""
import torch

import isa
import logic
import utm
from model import EOT

# family → (generator, share of the samples)
FAMILIES = {
    "isa": (isa.sample, 5.0),
    "catalogue": (isa.catalogue, 11.0),
    "choose": (isa.choices, 1.5),
    "utm": (utm.sample, 2.5),
    "sentence": (logic.sample, 1.8),
    "query": (logic.query_sample, 0.4),
}
for _module in ("ask_calc", "ask_facts", "ask_parts", "ask_other", "verify"):
    try:
        FAMILIES.update(__import__(_module).FAMILIES)
    except ModuleNotFoundError:
        pass


# nearly always right: only the hard samples are worth a step, and are sought among so many times the common factor
EXACT = {"isa": 1, "catalogue": 3, "choose": 1, "utm": 1, "sentence": 1, "query": 1}
# half of what is sought among is like the hardest of the last pool: where a network errs once in ten thousand, its errors are neighbours
VARIED = {"catalogue": isa.variant}


class Stream:
    """Endless batches; the same seed gives the same batches.

    `sift(contexts, keep)` chooses among `drawn` times as many contexts of the exact families; without it all are taken.
    """

    def __init__(self, r, tokens=2048, pool=1024, longest=1500, sift=None, drawn=1):
        self.r, self.tokens, self.pool, self.longest = r, tokens, pool, longest
        self.sift, self.drawn = sift, drawn if sift else 1
        self.ready = []
        self.hard = {}
        self.names = list(FAMILIES)
        self.weights = [FAMILIES[n][1] for n in self.names]

    def fill(self, progress):
        samples = []
        picked = self.r.choices(self.names, self.weights, k=self.pool)
        for name in self.names:
            count = picked.count(name)
            several = self.drawn * EXACT[name] if self.sift and name in EXACT else 1
            made = self.make(name, progress, count * several)
            samples += made if several == 1 else self.choose(name, made, count)
        samples.sort(key=lambda c: len(c.ids))
        batch, longest = [], 0
        for c in samples:
            longest = max(longest, len(c.ids))
            if batch and longest * (len(batch) + 1) > self.tokens:
                self.ready.append(batch)
                batch, longest = [], len(c.ids)
            batch.append(c)
        self.ready.append(batch)
        self.r.shuffle(self.ready)

    def make(self, name, progress, count):
        hard = self.hard.get(name, [])
        made = [VARIED[name](self.r, self.r.choice(hard)) for _ in range(count // 2 if hard else 0)]
        made += [FAMILIES[name][0](self.r, progress) for _ in range(count - len(made))]
        return [c for c in made if len(c.ids) <= self.longest and any(t >= 0 for t in c.targets)]

    def choose(self, name, made, count):
        chosen = self.sift(made, count)
        if name in VARIED:
            self.hard[name] = chosen[:len(chosen) // 3]
        return chosen

    def next(self, progress):
        if not self.ready:
            self.fill(progress)
        return collate(self.ready.pop())


def collate(batch):
    longest = max(len(c.ids) for c in batch)
    ids = torch.full((len(batch), longest), EOT, dtype=torch.long)
    targets = torch.full((len(batch), longest), -1, dtype=torch.long)
    for i, c in enumerate(batch):
        ids[i, :len(c.ids)] = torch.tensor(c.ids)
        targets[i, :len(c.ids)] = torch.tensor(c.targets)
    return ids, targets
