use std::sync::LazyLock;

use untrain_core::hyperparameters::Settings;
use untrain_core::{mix, one_of};

use super::*;
use crate::augment::Augmentation;
use crate::examples::Source;
use crate::layers::Shape;
use crate::network::Layered;
use crate::noise::normal;
use crate::optimiser::{Rule, Schedule};
use crate::train::accuracy;
use crate::{Architecture, Batch};

const N_CLASSES: usize = 4;

/// Images of 8 × 8 around a centre for each class.
fn images(n: usize, salt: u64) -> Examples {
    let shape = Shape { channels: 1, height: 8, width: 8 };
    let label = |i: usize| i % N_CLASSES;
    let value = |i: usize, at: usize| 0.6 * normal(label(i) as u64, at as u64) + 1.5 * normal(mix(salt, i as u64), at as u64);
    let values = (0..n * 64).map(|k| value(k / 64, k % 64) as f32).collect();
    let keys = (0..n).map(|i| mix(salt, i as u64)).collect();
    Examples::new(shape, N_CLASSES, Source::Rows(values), (0..n).map(|i| label(i) as u32).collect(), keys)
}

/// A network that was trained on everything, and what it is to forget.
struct Problem {
    retain: Examples,
    forget: Examples,
    test: Examples,
    training: Training,
    fresh: Layered,
    trained: Layered,
    /// Trained on what is retained alone, with two seeds.
    retrained: [Layered; 2],
}

impl Problem {
    fn new(chosen: impl Fn(usize, u32) -> bool, relabel: bool, hidden: &[usize]) -> Self {
        let all = images(240, 1);
        let is_chosen = |i: &usize| chosen(*i, all.labels()[*i]);
        let labels = (0..all.len()).map(|i| {
            let label = all.labels()[i];
            if relabel && is_chosen(&i) { random_labels::other(label, N_CLASSES, mix(9, i as u64)) } else { label }
        });
        let all = all.labelled(labels.collect());
        let (forget, retain): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(is_chosen);
        let (forget, retain) = (all.select(&forget), all.select(&retain));
        let training = Training {
            n_epochs: 40,
            batch_size: 32,
            learning_rate: 0.05,
            schedule: Schedule::Constant,
            rule: Rule::Sgd,
            momentum: 0.9,
            weight_decay: 5e-4,
            augmentation: Augmentation::None,
            norm: NormPolicy::Train,
            seed: Seed(3),
        };
        let network = |seed| Layered::new(Architecture::Mlp { hidden: hidden.to_vec() }, all.shape(), N_CLASSES, 8, Seed(seed)).unwrap();
        let trained = |examples: &Examples, seed: u64| {
            let mut network = network(seed);
            Training { seed: Seed(seed), ..training.clone() }.train(&mut network, examples).unwrap();
            network
        };
        let retrained = [trained(&retain, 3), trained(&retain, 4)];
        let (fresh, trained) = (network(3), trained(&all, 3));
        Self { retain, forget, test: images(200, 2), training, fresh, trained, retrained }
    }

    fn request(&self) -> Request<'_> {
        Request { retain: &self.retain, forget: &self.forget, training: &self.training, fresh: &self.fresh, seed: Seed(11) }
    }

    fn after(&self, method: &dyn Unlearn) -> Layered {
        let mut network = self.trained.clone();
        method.unlearn(&mut network, &self.request()).unwrap();
        network
    }

    fn everything(&self) -> Examples {
        let both = self.retain.batch(&(0..self.retain.len()).collect::<Vec<_>>());
        let both = both.followed_by(&self.forget.batch(&(0..self.forget.len()).collect::<Vec<_>>()));
        let keys = self.retain.keys().iter().chain(self.forget.keys()).copied().collect();
        Examples::new(both.shape(), N_CLASSES, Source::Rows(both.values(0..both.len()).to_vec()), both.labels.clone(), keys)
    }

    /// Whether a network gets as much of what is to be forgotten right as one that never saw it.
    fn is_forgotten(&self, network: &dyn Network) -> bool {
        (accuracy(network, &self.forget) - accuracy(&self.retrained[0], &self.forget)).abs() <= 0.15
    }
}

/// Records among others whose labels are wrong, so that only memory gets them right.
static MISLABELLED: LazyLock<Problem> = LazyLock::new(|| Problem::new(|i, _| one_of(8, mix(5, i as u64)) == 0, true, &[32]));

/// All of a class.
static CLASS: LazyLock<Problem> = LazyLock::new(|| Problem::new(|_, label| label == 2, false, &[32]));

fn problem(method: &Method) -> &'static Problem {
    match method.goals[0] {
        _ if method.name == "newton_removal" => &CONVEX,
        Goal::Class => &CLASS,
        _ => &MISLABELLED,
    }
}

fn default_of(name: &str) -> Box<dyn Unlearn> {
    Method::named(name).unwrap().with(Settings::new()).unwrap()
}

/// A method with its defaults, but for lengths that only cost time here.
fn short_of(method: &Method, n_epochs: Option<u32>) -> Box<dyn Unlearn> {
    let defaults = method.complete(Settings::new()).unwrap();
    let lengths =
        [("n_epochs", n_epochs), ("n_steps", Some(5)), ("n_gradients", Some(16)), ("n_noise_batches", Some(2)), ("n_draws", Some(2))];
    let known = lengths.into_iter().filter(|(key, value)| value.is_some() && defaults.contains_key(*key));
    method.with(known.map(|(key, value)| (key.to_owned(), value.into())).collect()).unwrap()
}

#[test]
fn doing_nothing_fails_and_a_retrain_passes() {
    for problem in [&*MISLABELLED, &*CLASS] {
        assert!(!problem.is_forgotten(&problem.trained));
        assert!(problem.is_forgotten(&problem.retrained[1]));
    }
}

#[test]
fn every_method_leaves_numbers_that_neither_threads_nor_the_order_of_rows_decide() {
    for method in METHODS {
        let problem = problem(method);
        let run = |threads: usize, retain: &Examples, forget: &Examples| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut network = problem.trained.clone();
            let request = Request { retain, forget, ..problem.request() };
            pool.install(|| short_of(method, None).unlearn(&mut network, &request)).unwrap();
            network
        };
        let turned = |examples: &Examples| examples.select(&(0..examples.len()).rev().collect::<Vec<_>>());
        let one = run(1, &problem.retain, &problem.forget);
        let two = run(2, &turned(&problem.retain), &turned(&problem.forget));
        assert!(one.parameters().iter().all(|value| value.is_finite()), "{}", method.name);
        assert_eq!(method.replays, one.parameters() == two.parameters(), "{}", method.name);
        // A class of four cannot be more than four times as important for itself as for everything; the default asks for more.
        let nothing = one.parameters() == problem.trained.parameters();
        assert_eq!(nothing, ["ssd", "lfssd"].contains(&method.name), "{}", method.name);
    }
}

#[test]
fn forgetting_nobody_or_everybody_is_refused() {
    let all = &MISLABELLED.retain;
    for method in METHODS {
        for places in [Vec::new(), (0..all.len()).collect()] {
            let (forget, rest): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(|i| places.contains(i));
            let (forget, retain) = (all.select(&forget), all.select(&rest));
            let request = Request { retain: &retain, forget: &forget, ..MISLABELLED.request() };
            let mut network = MISLABELLED.trained.clone();
            let found = default_of(method.name).unlearn(&mut network, &request);
            assert!(matches!(found, Err(Error::Core(CoreError::Unfit { .. }))), "{}", method.name);
            assert!(network.parameters() == MISLABELLED.trained.parameters());
        }
    }
}

#[test]
fn a_search_begins_with_the_defaults() {
    for method in METHODS {
        let defaults = method.complete(Settings::new()).unwrap();
        for (key, values) in method.search {
            assert_eq!(defaults[*key].as_f64().unwrap() as f32, values[0] as f32, "{} {key}", method.name);
            assert!(values.len() <= 3 && method.search.len() <= 2);
        }
        assert!(!method.goals.is_empty() && !method.paper.is_empty());
        assert_eq!(method.warning(method.goals[0]), None);
        let combinations = search::combinations(method, &Settings::new());
        assert_eq!(combinations.len(), method.search.iter().map(|(_, values)| values.len()).product::<usize>());
        assert_eq!(method.complete(combinations[0].clone()).unwrap(), defaults);
        assert!(combinations.into_iter().all(|settings| method.with(settings).is_ok()), "{}", method.name);
    }
    let warning = Method::named("ssd").unwrap().warning(Goal::Random).unwrap();
    assert_eq!(warning, "ssd was not made for a random subset, but for a class or a concept");
    assert_eq!(Method::named("salum").unwrap_err().nearest(), Some("salun"));
    let settings = [("share".to_owned(), 2.into())].into_iter().collect();
    assert!(Method::named("salun").unwrap().complete(settings).is_err());
}

#[test]
fn methods_for_classes_forget_a_class() {
    let stronger: [(&str, &dyn Unlearn); 4] = [
        ("boundary_expand", &BoundaryExpand { learning_rate: 1e-2, ..BoundaryExpand::default() }),
        ("neggrad_plus", &NegGradPlus { alpha: 0.8, learning_rate: 0.05, n_epochs: 20, ..NegGradPlus::default() }),
        ("scrub", &Scrub { learning_rate: 5e-3, alpha: 0.1, ..Scrub::default() }),
        ("eu_k", &EuK { k: 2, learning_rate: 0.05, ..EuK::default() }),
    ];
    for (name, method) in stronger {
        let network = CLASS.after(method);
        assert!(CLASS.is_forgotten(&network), "{name}: {}", accuracy(&network, &CLASS.forget));
        assert!(accuracy(&network, &CLASS.retain) > 0.9, "{name}: {}", accuracy(&network, &CLASS.retain));
    }
    for name in ["random_labels", "salun", "unsir", "boundary_shrink", "delete"] {
        let network = CLASS.after(default_of(name).as_ref());
        assert!(CLASS.is_forgotten(&network), "{name}: {}", accuracy(&network, &CLASS.forget));
        assert!(accuracy(&network, &CLASS.retain) > 0.8, "{name}");
    }
}

#[test]
fn only_what_takes_memory_away_forgets_what_only_memory_knew() {
    for name in ["shrink_perturb", "reset_layers", "prune_reinit", "undo"] {
        let network = MISLABELLED.after(default_of(name).as_ref());
        assert!(MISLABELLED.is_forgotten(&network), "{name}: {}", accuracy(&network, &MISLABELLED.forget));
        assert!(accuracy(&network, &MISLABELLED.test) > 0.85, "{name}");
    }
    for name in ["fine_tune", "gradient_ascent", "cf_k"] {
        assert!(!MISLABELLED.is_forgotten(&MISLABELLED.after(default_of(name).as_ref())), "{name}");
    }
}

/// Published code of SCRUB gave the optimiser the teacher, so that nothing moved.
#[test]
fn the_student_of_scrub_moves_away_from_its_teacher_where_it_is_to_forget() {
    let method = Scrub { rewind: false, learning_rate: 5e-3, alpha: 0.1, ..Scrub::default() };
    let student = CLASS.after(&method);
    let divergence = |examples: &Examples| {
        let batch = examples.batch(&(0..examples.len()).collect::<Vec<_>>());
        crate::loss::distillation(&student.logits(&batch), &bad_teacher::targets(&CLASS.trained, &batch, 1.0), 1.0).0
    };
    assert!(divergence(&CLASS.forget) > 3.0 * divergence(&CLASS.retain), "{} {}", divergence(&CLASS.forget), divergence(&CLASS.retain));
}

/// Published code let weight decay and momentum move what the mask leaves out.
#[test]
fn what_the_mask_of_salun_leaves_out_keeps_its_bytes() {
    let (before, after) = (&MISLABELLED.trained, MISLABELLED.after(&SalUn::default()));
    let mask = SalUn::default().mask(before, &MISLABELLED.request());
    assert_eq!(mask.iter().filter(|moves| **moves).count(), mask.len().div_ceil(2));
    for (i, moves) in mask.into_iter().enumerate() {
        assert!(moves || before.parameters()[i].to_bits() == after.parameters()[i].to_bits(), "{i}");
    }
    assert!(before.parameters() != after.parameters());
}

/// Published code takes the mean of the divergence over classes.
#[test]
fn the_divergence_from_a_bad_teacher_is_the_sum_over_classes() {
    let logits = crate::Logits::new(4, vec![0.0; 4]);
    let (value, gradient) = crate::loss::distillation(&logits, &[vec![1.0, 0.0, 0.0, 0.0]], 1.0);
    assert!((value - 4.0_f64.ln()).abs() < 1e-12);
    assert_eq!(gradient.values(), [-0.75, 0.25, 0.25, 0.25]);
}

/// Published code takes the divergence of logits that are no log-probabilities.
#[test]
fn a_divergence_is_one_of_probabilities() {
    let row = [0.5, -1.0, 2.0, 0.0];
    let shifted = crate::Logits::new(4, row.iter().map(|value| value + 8.0).collect());
    let (value, gradient) = crate::loss::distillation(&shifted, &[crate::loss::softmax(&row, 4.0)], 4.0);
    assert!(value.abs() < 1e-12 && gradient.values().iter().all(|slope| slope.abs() < 1e-7));
}

/// Published code labels all noise with class 0.
#[test]
fn noise_of_unsir_raises_the_loss_of_the_class_that_it_is_labelled_with() {
    let noise = Unsir::default().noise(&CLASS.trained, &CLASS.request(), 2);
    assert!(noise.labels.iter().all(|label| *label == 2));
    let loss = |batch: &Batch| crate::loss::cross_entropy(&CLASS.trained.logits(batch), &batch.labels).0;
    let start = Unsir { n_noise_steps: 1, noise_rate: 1e-6, ..Unsir::default() }.noise(&CLASS.trained, &CLASS.request(), 2);
    assert!(loss(&noise) > loss(&start) + 1.0, "{} {}", loss(&noise), loss(&start));
}

#[test]
fn the_class_next_to_an_example_is_never_its_own() {
    let batch = CLASS.forget.batch(&(0..CLASS.forget.len()).collect::<Vec<_>>());
    let neighbours = BoundaryShrink { epsilon: 1e-6, ..BoundaryShrink::default() }.neighbours(&CLASS.trained, &batch);
    assert!(neighbours.iter().all(|label| *label != 2));
}

#[test]
fn blocks_that_are_kept_keep_their_bytes() {
    for name in ["cf_k", "eu_k"] {
        let after = MISLABELLED.after(default_of(name).as_ref());
        for entry in after.layout().entries() {
            let same = after.parameters()[entry.range.clone()] == MISLABELLED.trained.parameters()[entry.range.clone()];
            assert_eq!(same, entry.block == 0, "{name} {}", entry.name);
        }
    }
}

#[test]
fn transposing_twice_changes_nothing_and_rows_of_a_table_have_no_directions() {
    let mut network = MISLABELLED.trained.clone();
    let request = MISLABELLED.request();
    let mask = Perturbation::Transpose.apply(&mut network, &request).unwrap();
    assert_eq!(mask.iter().filter(|spoilt| **spoilt).count(), 64 * 32);
    assert!(network.parameters() != MISLABELLED.trained.parameters());
    Perturbation::Transpose.apply(&mut network, &request).unwrap();
    assert!(network.parameters() == MISLABELLED.trained.parameters());
    let row = Examples::new(Shape { channels: 2, height: 1, width: 1 }, 2, Source::Rows(vec![1.0, 0.0]), vec![0], vec![1]);
    let mut network = Layered::new(Architecture::Mlp { hidden: vec![4] }, row.shape(), 2, 8, Seed(1)).unwrap();
    let request = Request { retain: &row, forget: &row, training: &MISLABELLED.training, fresh: &network.clone(), seed: Seed(1) };
    assert!(matches!(Ct::default().unlearn(&mut network, &request), Err(Error::Core(CoreError::Unfit { .. }))));
}

#[test]
fn what_teachers_are_asked_is_counted() {
    let mut network = Metered::new(&CLASS.trained);
    let beside = CLASS.request();
    BadTeacher::default().unlearn(&mut network, &beside).unwrap();
    let n = (CLASS.forget.len() + (0.3 * CLASS.retain.len() as f64).ceil() as usize) as u64;
    assert_eq!(network.cost(), Cost { forwards: n, gradients: n, tangents: 0 });
}

/// A network without hidden layers and an optimum of its regularised loss.
static CONVEX: LazyLock<Problem> = LazyLock::new(|| {
    let mut problem = Problem::new(|i, _| one_of(8, mix(5, i as u64)) == 0, true, &[]);
    problem.training = Training { n_epochs: 400, batch_size: 240, learning_rate: 0.05, weight_decay: 0.05, ..problem.training };
    let everything = problem.everything();
    let train = |examples: &Examples| {
        let mut network = problem.fresh.clone();
        problem.training.train(&mut network, examples).unwrap();
        network
    };
    let (trained, retrained) = (train(&everything), train(&problem.retain));
    problem.trained = trained;
    problem.retrained = [retrained.clone(), retrained];
    problem
});

fn distance(a: &dyn Network, b: &dyn Network) -> f64 {
    let squares = a.parameters().iter().zip(b.parameters()).map(|(a, b)| f64::from(a - b) * f64::from(a - b));
    squares.sum::<f64>().sqrt()
}

/// Published code of a Newton step has the opposite sign.
#[test]
fn the_step_of_newton_leads_to_the_retrain() {
    let network = CONVEX.after(&Newton { damping: 1e-9, radius: 1e6, n_steps: 300, ..Newton::default() });
    let (before, after) = (distance(&CONVEX.trained, &CONVEX.retrained[0]), distance(&network, &CONVEX.retrained[0]));
    assert!(after < 0.4 * before, "{before} {after}");
    let slope = |network: &dyn Network| {
        let mut gradient = curvature::mean_gradient(network, &CONVEX.retain).1;
        vectors::add(&mut gradient, 0.05, &vectors::wide(network.parameters()));
        vectors::norm(&gradient)
    };
    assert!(slope(&network) < 0.5 * slope(&CONVEX.trained), "{} {}", slope(&CONVEX.trained), slope(&network));
}

#[test]
fn newton_never_raises_the_loss_of_what_is_retained() {
    for problem in [&*MISLABELLED, &*CLASS, &*CONVEX] {
        let network = problem.after(&Newton { damping: 1e-6, radius: 1e3, n_steps: 20, ..Newton::default() });
        let loss = |network: &dyn Network| curvature::mean_loss(network, &problem.retain);
        assert!(loss(&network) <= loss(&problem.trained));
    }
}

/// Published code took the forget set for what is retained, and 1000 for every number of gradients.
#[test]
fn wood_fisher_solves_with_the_matrix_of_retained_gradients() {
    let method = WoodFisher { n_gradients: 20, damping: 0.5, ..WoodFisher::default() };
    let gradients = method.gradients(&CONVEX.trained, &CONVEX.request());
    let without: Vec<Vec<f32>> = {
        let request = Request { forget: &CONVEX.test, ..CONVEX.request() };
        method.gradients(&CONVEX.trained, &request)
    };
    assert_eq!((gradients.len(), &gradients), (20, &without));
    let vector: Vec<f64> = (0..gradients[0].len()).map(|i| normal(1, i as u64)).collect();
    let solution = wood_fisher::solved(&gradients, 0.5, &vector);
    let mut product: Vec<f64> = solution.iter().map(|value| 0.5 * value).collect();
    for gradient in &gradients {
        let gradient = vectors::wide(gradient);
        vectors::add(&mut product, vectors::dot(&gradient, &solution) / 20.0, &gradient);
    }
    vectors::add(&mut product, -1.0, &vector);
    assert!(vectors::norm(&product) < 1e-5 * vectors::norm(&vector), "{}", vectors::norm(&product));
}

/// Published code squares the mean of a batch.
#[test]
fn the_squares_of_ssd_are_those_of_single_examples_in_any_order() {
    let (network, request) = (&CLASS.trained, CLASS.request());
    let backwards: Vec<usize> = (0..request.forget.len()).rev().collect();
    let turned = request.forget.select(&backwards);
    let squares = ssd::squares(network, request.forget);
    assert_eq!(squares, ssd::squares(network, &turned));
    let singles = (0..turned.len()).map(|i| ssd::squares(network, &turned.select(&[i])));
    let mut mean = vec![0.0; squares.len()];
    singles.for_each(|single| vectors::add(&mut mean, 1.0 / turned.len() as f64, &single));
    assert!(mean.iter().zip(&squares).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs().max(1e-12)));
    let small = Training { batch_size: 3, ..request.training.clone() };
    for name in ["ssd", "lfssd", "assd"] {
        let method = default_of(name);
        let mut other = network.clone();
        method.unlearn(&mut other, &Request { training: &small, forget: &turned, ..request }).unwrap();
        assert!(other.parameters() == CLASS.after(method.as_ref()).parameters(), "{name}");
    }
}

#[test]
fn factors_of_one_example_are_its_gradient() {
    let one = MISLABELLED.retain.select(&[0]);
    let network = &MISLABELLED.trained;
    let factors = EkFac::factors(network, &one, 1, 1000.0, Seed(1));
    let mut gradient = Vec::new();
    ek_fac::for_each_drawn_gradient(network, &one, Seed(1), |found| gradient = vectors::wide(found));
    // (g gᵀ + λ I)⁻¹ g = g / (‖g‖² + λ), in each layer by itself.
    let solution = factors.solve(&gradient);
    for layer in [0..64 * 32 + 32, 64 * 32 + 32..gradient.len()] {
        let (g, x) = (&gradient[layer.clone()], &solution[layer]);
        let expected = 1.0 / (vectors::dot(g, g) + factors.damping());
        let far = g.iter().zip(x).map(|(g, x)| (g * expected - x).abs()).fold(0.0, f64::max);
        assert!(far <= 1e-5 * expected * vectors::norm(g));
    }
}

/// Of one example the squares are those of its gradient in the basis, so that both know the same order of a kernel's columns.
#[test]
fn factors_know_where_the_columns_of_kernels_stand() {
    let one = MISLABELLED.retain.select(&[0]);
    let network = Layered::new(Architecture::Cnn { channels: vec![3, 5], hidden: 6 }, one.shape(), N_CLASSES, 8, Seed(1)).unwrap();
    let factors = EkFac::factors(&network, &one, 1, 1.0, Seed(1));
    let mut gradient = Vec::new();
    ek_fac::for_each_drawn_gradient(&network, &one, Seed(1), |found| gradient = vectors::wide(found));
    let share = vectors::dot(&gradient, &factors.solve(&gradient));
    assert!((share - factors.own_share()).abs() < 1e-3 * share, "{share} {}", factors.own_share());
}

#[test]
fn factors_turn_kernels_there_and_back() {
    let examples = MISLABELLED.retain.select(&[0, 1, 2, 3]);
    let network = Layered::new(Architecture::Cnn { channels: vec![3, 5], hidden: 6 }, examples.shape(), N_CLASSES, 8, Seed(1)).unwrap();
    let factors = EkFac::factors(&network, &examples, 4, 1e12, Seed(1));
    let vector: Vec<f64> = (0..network.parameters().len()).map(|i| normal(1, i as u64)).collect();
    let solution = factors.solve(&vector);
    assert!(vector.iter().zip(&solution).all(|(v, x)| (x * factors.damping() - v).abs() < 1e-5));
    let kept: EkFac = serde_json::from_str(&serde_json::to_string(&factors).unwrap()).unwrap();
    assert!(kept.solve(&vector).iter().zip(&solution).all(|(a, b)| (a - b).abs() <= 1e-9 * b.abs()));
}

#[test]
fn what_only_memory_gets_right_is_hardest_to_forget() {
    let problem = &*MISLABELLED;
    let factors = EkFac::factors(&problem.trained, &problem.everything(), 1000, 0.1, Seed(1));
    let mean = |examples: &Examples| factors.self_influence(&problem.trained, examples).iter().sum::<f64>() / examples.len() as f64;
    assert!(mean(&problem.forget) > 2.0 * mean(&problem.retain), "{} {}", mean(&problem.forget), mean(&problem.retain));
}

#[test]
fn dampening_forgets_a_class() {
    let methods: [(&str, &dyn Unlearn); 2] =
        [("ssd", &Ssd { alpha: 2.0, dampening: 0.1 }), ("lfssd", &Lfssd { alpha: 1.5, dampening: 0.1 })];
    for (name, method) in methods {
        let network = CLASS.after(method);
        assert!(CLASS.is_forgotten(&network) && accuracy(&network, &CLASS.retain) > 0.95, "{name}");
    }
}

#[test]
fn the_threshold_of_assd_is_a_percentile() {
    let mut network = CLASS.trained.clone();
    let done = Assd::default().unlearn(&mut network, &CLASS.request()).unwrap();
    let changed = network.parameters().iter().zip(CLASS.trained.parameters()).filter(|(a, b)| a != b).count();
    let expected = network.parameters().len() as f64 * 26.0_f64.ln() / 100.0;
    assert!((changed as f64 - expected).abs() <= 2.0, "{changed} {expected} {}", done.stopped);
}

/// With the same noise on both sides, what is left of the distance between two starts is what the certificate says at most.
#[test]
fn noisy_steps_bring_starts_as_near_as_their_certificate_says() {
    let noise = NoiseSource::Known(Seed(5));
    let steps = NoisySteps { n_epochs: 0, n_steps: 10, noise, ..NoisySteps::default() };
    let noisy = NoisyFineTune { steps: steps.clone() };
    let langevin = Langevin { steps: steps.clone() };
    let convex = Langevin { steps: NoisySteps { decay: 0.5, ..steps } };
    let cases: [(&dyn Unlearn, &Problem, Accountant); 3] = [
        (&noisy, &MISLABELLED, noisy.accountant()),
        (&langevin, &MISLABELLED, langevin.accountant(&MISLABELLED.retain, false).0),
        (&convex, &CONVEX, convex.accountant(&CONVEX.retain, true).0),
    ];
    for (method, problem, accountant) in cases {
        let ends = [&problem.trained, &problem.fresh, &problem.retrained[0]].map(|start| {
            let mut network = start.clone();
            let done = method.unlearn(&mut network, &problem.request()).unwrap();
            assert_eq!(done.guarantee, Guarantee::Empirical, "a known seed certifies nothing");
            network
        });
        for end in &ends[1..] {
            let found = distance(&ends[0], end);
            assert!(found > 0.0 && found <= accountant.shift() * (1.0 + 1e-4), "{found} {}", accountant.shift());
        }
    }
    let (accountant, rate) = convex.accountant(&CONVEX.retain, true);
    assert!(accountant.drift == 0.0 && rate <= 0.1 && (accountant.epsilon(1e-5) - 1.0).abs() < 1e-9);
}

#[test]
fn certified_networks_say_so_and_work() {
    let promised = Guarantee::Certified { epsilon: 1.0, delta: 1e-5 };
    for (name, problem) in [("noisy_fine_tune", &*MISLABELLED), ("langevin", &*CONVEX), ("newton_removal", &*CONVEX)] {
        let mut network = problem.trained.clone();
        let done = default_of(name).unlearn(&mut network, &problem.request()).unwrap();
        assert_eq!(done.guarantee, promised);
        assert!(accuracy(&network, &problem.test) > 0.7, "{name}: {}", accuracy(&network, &problem.test));
        assert!(problem.is_forgotten(&network), "{name}: {}", accuracy(&network, &problem.forget));
    }
}

#[test]
fn newton_removal_takes_convex_losses_alone() {
    let refused = |problem: &Problem, training: &Training| {
        let request = Request { training, ..problem.request() };
        let found = NewtonRemoval { n_steps: 8, ..NewtonRemoval::default() }.unlearn(&mut problem.trained.clone(), &request);
        matches!(found, Err(Error::Core(CoreError::Unfit { hint, .. })) if !hint.is_empty())
    };
    assert!(refused(&MISLABELLED, &MISLABELLED.training));
    assert!(refused(&CONVEX, &Training { weight_decay: 0.0, ..CONVEX.training.clone() }));
    assert!(!refused(&CONVEX, &CONVEX.training));
}

#[test]
fn a_budget_for_removals_is_spent_over_requests_and_then_refuses() {
    let all = CONVEX.everything();
    let method = NewtonRemoval { noise: NoiseSource::Known(Seed(3)), n_requests: 3, ..NewtonRemoval::default() };
    let mut network = CONVEX.trained.clone();
    let mut removal = Removal::learn(&mut network, &[&all], 0.05, &method).unwrap();
    let mut left = vec![removal.left()];
    let mut n_retained = all.len();
    let refusal = loop {
        n_retained -= 1;
        let retain = all.select(&(0..n_retained).collect::<Vec<_>>());
        let before = network.parameters().to_vec();
        // Few steps for each leave more than many would.
        let hasty = NewtonRemoval { n_steps: 3, ..method.clone() };
        match removal.with(hasty).forget(&mut network, &retain) {
            Ok(_) => left.push(removal.left()),
            Err(error) => {
                assert!(network.parameters() == before);
                break error.to_string();
            }
        }
        assert!(left.len() < 200);
    };
    assert!(left.len() > 2 && left.is_sorted_by(|a, b| a > b), "{left:?}");
    assert!(refusal.contains("is left of the budget"), "{refusal}");
}

/// Published code has a bound that grows looser as epsilon falls.
#[test]
fn less_epsilon_takes_a_larger_perturbation() {
    let sigma = |epsilon| NewtonRemoval { epsilon, ..NewtonRemoval::default() }.sigma(1.0);
    assert!(sigma(0.1) > sigma(1.0) && sigma(1.0) > sigma(10.0));
    assert!((sigma(1.0) - (2.0 * 150_000.0_f64.ln()).sqrt()).abs() < 1e-12);
}

#[test]
fn the_residual_is_the_gradient_at_the_optimum_that_is_left() {
    let perturbation: Vec<f64> = (0..CONVEX.trained.parameters().len()).map(|i| normal(8, i as u64)).collect();
    let objective = convex::Objective::new(&[&CONVEX.retain], 0.05, &perturbation);
    let (_, gradient, residual) = objective.at(&CONVEX.trained);
    let mut expected = curvature::mean_gradient(&CONVEX.trained, &CONVEX.retain).1;
    let n = CONVEX.retain.len() as f64;
    vectors::add(&mut expected, 0.05, &vectors::wide(CONVEX.trained.parameters()));
    vectors::add(&mut expected, 1.0 / n, &perturbation);
    assert!((residual - n * vectors::norm(&expected)).abs() < 1e-4 * residual);
    assert!(expected.iter().zip(&gradient).all(|(a, b)| (a - b).abs() < 1e-5));
    let mut network = CONVEX.trained.clone();
    assert!(objective.descend(&mut network, 1e-3, 30).0 <= 1e-3);
}

#[test]
fn a_search_is_charged_and_finds_what_forgets() {
    let network = Metered::new(&CLASS.trained);
    let method = Method::named("boundary_expand").unwrap();
    let found = search(method, &Settings::new(), &network, &CLASS.request(), Criterion::of(Goal::Class)).unwrap();
    assert_eq!(found.tried.len(), 3);
    let values: Vec<f64> = found.tried.iter().filter_map(|tried| tried.value).collect();
    assert!(values.iter().all(|value| *value >= found.value) && found.value < values[0], "{values:?}");
    // Each candidate is ten epochs of what is forgotten, and is asked about all parts.
    assert_eq!(network.cost().gradients, 3 * 10 * CLASS.forget.len() as u64);
    assert!(network.cost().forwards > 0);
    let named = [("learning_rate".to_owned(), 0.01.into())].into_iter().collect();
    let found = search(method, &named, &network, &CLASS.request(), Criterion::Forgotten).unwrap();
    assert_eq!((found.tried.len(), found.settings["learning_rate"].as_f64()), (1, Some(0.01)));
}

#[test]
fn a_search_passes_by_what_diverges() {
    let method = Method::named("neggrad_plus").unwrap();
    let settings = [("learning_rate".to_owned(), 100.into())].into_iter().collect();
    let found = search(method, &settings, &MISLABELLED.trained, &MISLABELLED.request(), Criterion::ValidationGap);
    assert!(matches!(found, Err(Error::Core(CoreError::Unfit { .. }))), "{found:?}");
}

/// Convolutions and normalisation, and what is remembered of it, go through every method too.
#[test]
fn every_method_serves_a_residual_network() {
    let all = images(24, 1);
    let (forget, retain) = (all.select(&[2, 6, 10]), all.select(&(11..24).collect::<Vec<_>>()));
    let architecture = Architecture::Resnet { depth: 8, width: 4 };
    let fresh = Layered::new(architecture, all.shape(), N_CLASSES, 8, Seed(1)).unwrap();
    let training = Training { n_epochs: 2, learning_rate: 0.01, norm: NormPolicy::Recompute, ..CLASS.training.clone() };
    let mut trained = fresh.clone();
    training.train(&mut trained, &all).unwrap();
    let request = Request { retain: &retain, forget: &forget, training: &training, fresh: &fresh, seed: Seed(11) };
    for method in METHODS.iter().filter(|method| !["newton_removal", "unsir"].contains(&method.name)) {
        let mut network = trained.clone();
        short_of(method, Some(1)).unlearn(&mut network, &request).unwrap_or_else(|error| panic!("{}: {error}", method.name));
        assert!(
            network.parameters() != trained.parameters() || ["ssd", "lfssd", "newton", "ek_fac"].contains(&method.name),
            "{}",
            method.name
        );
    }
}

#[test]
fn the_documentation_has_every_method_and_what_it_was_made_for() {
    let text = include_str!("../../../../docs/methods.md");
    for method in METHODS {
        let name = format!("`{}`", method.name);
        let row = text.lines().find(|line| line.starts_with('|') && line.split('|').nth(1).is_some_and(|cell| cell.contains(&name)));
        let cells: Vec<&str> = row.unwrap_or_else(|| panic!("{} is in no row", method.name)).split('|').map(str::trim).collect();
        let letter = |goal: &Goal| match goal {
            Goal::Random => "R",
            Goal::Class => "C",
            Goal::Concept => "K",
            Goal::Poison => "P",
        };
        let goals = method.goals.iter().map(letter).collect::<Vec<_>>().join(" ");
        assert!(cells[2] == goals || !method.replays, "{}: {} is not {goals}", method.name, cells[2]);
    }
}
