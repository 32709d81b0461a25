"""Keeps the samples that the network finds hard: most contexts of the exact families are soon right and teach nothing more.

Selective backpropagation, Jiang et al. 2019, arXiv:1910.00762: a forward pass costs a third of a training step.
"""
import torch
import torch.nn.functional as F

import data

BATCH_TOKENS = 4096
HARD_SHARE = 0.6


@torch.no_grad()
def hardness(net, contexts):
    """For each context the greatest loss among the tokens that the model writes: one wrong token spoils a frame."""
    out = [0.0] * len(contexts)
    order = sorted(range(len(contexts)), key=lambda i: len(contexts[i].ids))
    while order:
        size = max(1, BATCH_TOKENS // len(contexts[order[-1]].ids))
        part, order = order[-size:], order[:-size]
        ids, targets = data.collate([contexts[i] for i in part])
        b, t = ids.shape
        places = (targets.view(-1) >= 0).nonzero()[:, 0]
        h = net.hidden(ids).view(b * t, -1)[places]
        loss = F.cross_entropy(net.head(h).float(), targets.view(-1)[places], reduction="none")
        for i, row in zip(part, loss.split((targets >= 0).sum(1).tolist())):
            out[i] = row.max().item()
    return out


def hardest(net, contexts, keep):
    """`keep` contexts: most of them the hardest, the others by chance, lest what is easy be unlearned."""
    hard = hardness(net, contexts)
    order = sorted(range(len(contexts)), key=lambda i: -hard[i])
    chosen = order[:round(keep * HARD_SHARE)]
    left = sorted(set(order) - set(chosen))  # as they were drawn
    return [contexts[i] for i in chosen + left[:keep - len(chosen)]]
