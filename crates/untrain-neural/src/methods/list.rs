//! The list of all methods.

use super::Goal::{Class, Concept, Poison, Random};
use super::{
    Assd, BadTeacher, BoundaryExpand, BoundaryShrink, CfK, Ct, Delete, EkFacStep, EuK, FineTune, Fisher, Goal, GradientAscent, Jit,
    L1Sparse, Langevin, Lfssd, Method, Msg, NegGradPlus, Newton, NewtonRemoval, Noise, NoisyFineTune, PruneReinit, RandomLabels,
    ResetLayers, SalUn, Scrub, ShrinkPerturb, Ssd, Undo, Unsir, WoodFisher,
};

/// A certificate holds whatever is forgotten.
const ANY: &[Goal] = &[Random, Class, Concept, Poison];
const RATES: &[f64] = &[0.02, 0.005, 0.1];

/// The methods; to add one is to add an entry.
pub const METHODS: &[Method] = &[
    Method::new::<FineTune>("fine_tune", "goes on training on what is retained", "golatkar2020", &[Random], &[("learning_rate", RATES)]),
    Method::new::<GradientAscent>(
        "gradient_ascent",
        "climbs the loss of what is to be forgotten: a control that fails",
        "graves2021",
        &[Random, Class],
        &[("learning_rate", &[1e-3, 1e-2, 1e-4])],
    ),
    Method::new::<NegGradPlus>(
        "neggrad_plus",
        "trains on what is retained while it climbs the bounded loss of the rest",
        "kurmanji2023",
        &[Random, Class],
        &[("alpha", &[0.95, 0.99, 0.9]), ("learning_rate", &[0.01, 0.05])],
    ),
    Method::new::<RandomLabels>(
        "random_labels",
        "teaches wrong classes, drawn anew in each epoch",
        "golatkar2020",
        &[Random, Class],
        &[("learning_rate", &[0.013, 0.004, 0.05])],
    ),
    Method::new::<BadTeacher>(
        "bad_teacher",
        "learns what is to be forgotten from a network that knows nothing",
        "chundawat2023",
        &[Random, Class, Concept],
        &[("learning_rate", &[1e-4, 1e-3]), ("n_epochs", &[1.0, 5.0])],
    ),
    Method::new::<Scrub>(
        "scrub",
        "leaves what it said of the forgotten and keeps what it said of the rest, with rewind",
        "kurmanji2023",
        &[Random, Class, Poison],
        &[("learning_rate", &[5e-4, 2e-3]), ("n_max_epochs", &[3.0, 2.0, 5.0])],
    ),
    Method::new::<L1Sparse>(
        "l1_sparse",
        "goes on training while parameters are drawn to zero",
        "jia2023",
        &[Random, Class],
        &[("gamma", &[5e-4, 5e-5]), ("learning_rate", &[0.01, 0.05])],
    ),
    Method::new::<CfK>(
        "cf_k",
        "goes on training the last blocks",
        "goel2022",
        &[Random, Poison],
        &[("k", &[1.0, 2.0]), ("learning_rate", &[0.01, 0.05])],
    ),
    Method::new::<EuK>(
        "eu_k",
        "trains the last blocks anew",
        "goel2022",
        &[Random, Poison],
        &[("k", &[1.0, 2.0]), ("learning_rate", &[0.01, 0.05])],
    ),
    Method::new::<SalUn>(
        "salun",
        "teaches wrong classes to the parameters that matter for what is to be forgotten",
        "fan2024",
        &[Random, Class],
        &[("share", &[0.5, 0.1, 0.9]), ("learning_rate", &[0.013, 0.05])],
    ),
    Method::new::<Unsir>(
        "unsir",
        "impairs the class with noise made for it, and repairs the rest",
        "tarun2023",
        &[Class],
        &[("impair_rate", &[0.02, 0.005])],
    ),
    Method::new::<BoundaryShrink>(
        "boundary_shrink",
        "teaches for each example the class next to it",
        "chen2023",
        &[Class],
        &[("learning_rate", &[1e-3, 1e-2, 0.1])],
    ),
    Method::new::<BoundaryExpand>(
        "boundary_expand",
        "gives the forgotten a class of their own, and takes it away",
        "chen2023",
        &[Class],
        &[("learning_rate", &[1e-3, 1e-2, 0.1])],
    ),
    Method::new::<Delete>(
        "delete",
        "keeps what it says of an example but for its class",
        "zhou2025",
        &[Class],
        &[("learning_rate", &[1e-2, 1e-3, 0.1])],
    ),
    Method::new::<Jit>(
        "jit",
        "says the same of an example and of what is near it; needs no retained one",
        "foster2024jit",
        &[Class, Concept],
        &[("learning_rate", &[1e-3, 1e-2]), ("sigma", &[0.1, 0.5])],
    ),
    Method::new::<ShrinkPerturb>(
        "shrink_perturb",
        "takes away most of what was learned, of all parameters alike, and repairs",
        "ash2020",
        &[Random],
        &[("share", &[0.8, 0.5, 0.9]), ("learning_rate", RATES)],
    ),
    Method::new::<Msg>(
        "msg",
        "begins anew where what goes and what stays agree, and repairs",
        "triantafillou2024",
        &[Random],
        &[("share", &[0.3, 0.9]), ("learning_rate", &[1e-3, 1e-2, 0.1])],
    ),
    Method::new::<Ct>("ct", "transposes kernels, and repairs", "triantafillou2024", &[Random], &[("learning_rate", &[1e-3, 1e-2, 0.1])]),
    Method::new::<ResetLayers>(
        "reset_layers",
        "begins anew with the first and the last blocks, and repairs",
        "triantafillou2024",
        &[Random],
        &[("learning_rate", RATES)],
    ),
    Method::new::<Noise>(
        "noise",
        "adds noise to weights, and repairs",
        "triantafillou2024",
        &[Random],
        &[("deviation", &[0.6, 1.5]), ("learning_rate", RATES)],
    ),
    Method::new::<PruneReinit>(
        "prune_reinit",
        "begins anew with small weights, and repairs",
        "triantafillou2024",
        &[Random],
        &[("share", &[0.99, 0.8]), ("learning_rate", RATES)],
    ),
    Method::new::<Undo>(
        "undo",
        "unlearns on the surface, and has that teach a spoilt copy",
        "lee2025",
        &[Random, Class, Concept],
        &[("share", &[0.6, 0.8]), ("learning_rate", RATES)],
    ),
    Method::new::<Newton>(
        "newton",
        "takes back what the forgotten had pulled, by Gauss-Newton and a trust region",
        "koh2017",
        &[Random],
        &[("damping", &[1e-3, 1e-2, 1e-4]), ("radius", &[1.0, 10.0])],
    ),
    Method::new::<WoodFisher>(
        "wood_fisher",
        "takes the step of an influence function, by the empirical Fisher matrix",
        "jia2023",
        &[Random, Class],
        &[("alpha", &[0.2, 1.0, 5.0])],
    ),
    Method::new::<EkFacStep>(
        "ek_fac",
        "takes the step of an influence function, by Kronecker factors",
        "grosse2023",
        &[Random],
        &[("alpha", &[1.0, 5.0]), ("damping", &[0.1, 1.0])],
    ),
    Method::new::<Fisher>(
        "fisher",
        "adds noise where what is retained leaves room for it",
        "golatkar2020",
        &[Class],
        &[("alpha", &[1e-6, 3e-6, 1e-5])],
    ),
    Method::new::<Ssd>(
        "ssd",
        "dampens what matters more for the forgotten than for everything",
        "foster2024",
        &[Class, Concept],
        &[("alpha", &[10.0, 5.0, 2.0]), ("lambda", &[1.0, 0.1])],
    ),
    Method::new::<Lfssd>(
        "lfssd",
        "dampens what matters more for the forgotten, without labels",
        "foster2024loss",
        &[Class, Concept],
        &[("alpha", &[5.0, 2.0, 10.0]), ("lambda", &[1.0, 0.1])],
    ),
    Method::new::<Assd>(
        "assd",
        "dampens what matters more for the forgotten, with a threshold that it finds",
        "schoepf2024",
        &[Class, Concept],
        &[("lambda", &[1.0, 0.1])],
    ),
    Method::new::<NewtonRemoval>(
        "newton_removal",
        "certifies what Newton's steps leave, in a network without hidden layers",
        "guo2020",
        ANY,
        &[("beta", &[0.02, 0.2])],
    )
    .secret(),
    Method::new::<NoisyFineTune>(
        "noisy_fine_tune",
        "forgets where it started by noisy steps, certified, and repairs",
        "koloskova2025",
        ANY,
        &[("tune_rate", &[0.02, 0.1]), ("n_epochs", &[10.0, 30.0])],
    )
    .secret(),
    Method::new::<Langevin>(
        "langevin",
        "forgets where it started by noisy steps on single gradients, certified",
        "chien2024",
        ANY,
        &[("tune_rate", &[0.02, 0.1]), ("n_epochs", &[10.0, 30.0])],
    )
    .secret(),
];
