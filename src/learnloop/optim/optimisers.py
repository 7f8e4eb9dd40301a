"""`OPTIMISERS`: the update rules by name. torch's kernels do the arithmetic; see `learnloop.optim.light` for
why so.

In the equations g is the gradient (with coupled decay: g + lambda theta), alpha the learning rate times the
schedule's factor, lambda the weight decay, and every product, root and quotient is element by element. Weight
decay pulls only on matrices and filters: a tensor decays when it has at least two dimensions, is not called
`bias`, and its module does not name it in an attribute `no_weight_decay = ("name", ...)`; `decay_all: true`
decays everything. Tensors of a module with an attribute `lr_factor` learn at that many times the learning rate.
"""

from __future__ import annotations

from learnloop.optim.adam import AdamConfig, AdamWConfig, AMSGradConfig, NAdamConfig
from learnloop.optim.classic import AdadeltaConfig, AdagradConfig, RMSpropConfig, SGDConfig
from learnloop.optim.muon_config import MuonConfig

OPTIMISERS = {
    "sgd": SGDConfig,
    "adagrad": AdagradConfig,
    "adadelta": AdadeltaConfig,
    "rmsprop": RMSpropConfig,
    "adam": AdamConfig,
    "amsgrad": AMSGradConfig,
    "adamw": AdamWConfig,
    "nadam": NAdamConfig,
    "muon": MuonConfig,
}
