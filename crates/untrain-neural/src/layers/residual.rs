//! A detour: what goes in is added to what comes out.

use super::{Chain, Found, Layer, Pass, Shape, Tape};

/// `main(x) + shortcut(x)`; the activation follows as a layer of its own.
#[derive(Debug)]
pub(crate) struct Residual {
    pub(crate) main: Chain,
    pub(crate) shortcut: Shortcut,
}

/// How what goes in gets the shape of what comes out.
#[derive(Debug)]
pub(crate) enum Shortcut {
    /// It has that shape.
    Same,
    /// Every second pixel, with channels of zeros on both sides: option A of \[@he2016\].
    Padded {
        /// What goes in.
        input: Shape,
        /// What comes out.
        output: Shape,
    },
    /// A convolution and a normalisation: option B.
    Projected(Chain),
}

impl Residual {
    /// Goes through the pixels of a padded shortcut: the place in the input and that in the output, each the first of
    /// `input.channels`.
    fn padded(input: Shape, output: Shape, n: usize, mut visit: impl FnMut(usize, usize)) {
        let (margin, stride) = ((output.channels - input.channels) / 2, input.height.div_ceil(output.height));
        for example in 0..n {
            for (y, x) in (0..output.height).flat_map(|y| (0..output.width).map(move |x| (y, x))) {
                let from = example * input.len() + (stride * y * input.width + stride * x) * input.channels;
                visit(from, example * output.len() + (y * output.width + x) * output.channels + margin);
            }
        }
    }

    fn add_padded(input: Shape, output: Shape, n: usize, values: &[f32], sum: &mut [f32]) {
        Self::padded(input, output, n, |from, to| {
            let channels = sum[to..to + input.channels].iter_mut().zip(&values[from..from + input.channels]);
            channels.for_each(|(sum, value)| *sum += value);
        });
    }
}

impl Layer for Residual {
    fn forward(&self, pass: Pass<'_>, input: Vec<f32>, mut tape: Option<&mut Tape>) -> Vec<f32> {
        let mut output = self.main.forward(pass, input.clone(), tape.as_deref_mut());
        match &self.shortcut {
            Shortcut::Same => add(&mut output, &input),
            Shortcut::Padded { input: from, output: to } => Self::add_padded(*from, *to, pass.n, &input, &mut output),
            Shortcut::Projected(chain) => add(&mut output, &chain.forward(pass, input, tape)),
        }
        output
    }

    fn backward(&self, pass: Pass<'_>, tape: &mut Tape, output: Vec<f32>, found: &mut Found<'_, '_>, wanted: bool) -> Vec<f32> {
        let side = match &self.shortcut {
            Shortcut::Projected(chain) => chain.backward(pass, tape, output.clone(), found, wanted),
            Shortcut::Same | Shortcut::Padded { .. } => output.clone(),
        };
        let mut gradient = self.main.backward(pass, tape, output, found, wanted);
        if !wanted {
            return gradient;
        }
        if let Shortcut::Padded { input: from, output: to } = &self.shortcut {
            Self::padded(*from, *to, pass.n, |from_place, to_place| {
                let channels = gradient[from_place..from_place + from.channels].iter_mut().zip(&side[to_place..]);
                channels.for_each(|(sum, value)| *sum += value);
            });
        } else {
            add(&mut gradient, &side);
        }
        gradient
    }

    fn tangent(&self, pass: Pass<'_>, direction: &[f32], input: Vec<f32>, rate: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
        let (mut output, mut change) = self.main.tangent(pass, direction, input.clone(), rate.clone());
        match &self.shortcut {
            Shortcut::Same => {
                add(&mut output, &input);
                add(&mut change, &rate);
            }
            Shortcut::Padded { input: from, output: to } => {
                Self::add_padded(*from, *to, pass.n, &input, &mut output);
                Self::add_padded(*from, *to, pass.n, &rate, &mut change);
            }
            Shortcut::Projected(chain) => {
                let (side, side_change) = chain.tangent(pass, direction, input, rate);
                add(&mut output, &side);
                add(&mut change, &side_change);
            }
        }
        (output, change)
    }

    #[cfg(feature = "cuda")]
    fn kind(&self) -> super::Kind<'_> {
        super::Kind::Residual(self)
    }
}

fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
