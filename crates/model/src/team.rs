//! Training in parts: every batch is cut into shards that go through the network one by one, in one
//! process or in several. All that follows the network's outputs, the loss over everybody's risk
//! set and the step of the optimizer, every process does alike. The gradients of the shards are
//! added in the shards' order, so that the number of processes does not change a bit of the model.

use std::ops::Range;

use oncoweave_collectives::Group;
use rand::{SeedableRng, rngs::ChaCha12Rng, seq::SliceRandom};
use tch::{Kind, Tensor};

use crate::{
    Error,
    checkpoint::Checkpoint,
    network::{Inputs, Network, Outputs, Training, numbers, to_i64},
    part::{Data, LossSettings, Reading},
};

/// The processes that train one network, of which this is one.
#[derive(Clone, Copy)]
pub(crate) struct Team<'a> {
    group: Option<&'a Group>,
    shards: usize,
}

/// The stream of random numbers that deals patients to shards; epochs have those that follow 0.
const DEALING: u64 = u64::MAX;

/// Patients that pass through the network at once when nothing is learned.
const BLOCK: usize = 1024;

impl<'a> Team<'a> {
    /// `shards` must be a multiple of the number of processes.
    pub(crate) fn new(group: Option<&'a Group>, shards: usize) -> Self {
        Self { group, shards }
    }

    /// Whether this process keeps what comes of the training.
    pub(crate) fn leads(&self) -> bool {
        self.group.is_none_or(|group| group.rank() == 0)
    }

    /// Whether batches are cut at all.
    pub(crate) fn splits(&self) -> bool {
        self.shards > 1
    }

    /// Fails where a shard would have no patient.
    pub(crate) fn check(&self, patients: usize) -> Result<(), Error> {
        if patients >= self.shards {
            return Ok(());
        }
        let reason = format!(
            "there are {patients} to fit a network to, fewer than the {} parts that a batch is cut \
             into; lower `training.shards` or the number of processes",
            self.shards
        );
        Err(Error::Untrainable { reason })
    }

    /// Whether any process says so.
    pub(crate) fn any(&self, own: bool) -> Result<bool, Error> {
        Ok(self.group.map_or(Ok(own), |group| group.any(own))?)
    }

    /// Whether all processes say the same.
    pub(crate) fn agrees(&self, own: &str) -> Result<bool, Error> {
        let Some(group) = self.group else { return Ok(true) };
        let all = group.gather(own.as_bytes().to_vec())?;
        Ok(all.chunks(own.len()).all(|other| other == own.as_bytes()))
    }

    /// The checkpoint that the first process found.
    pub(crate) fn share_checkpoint(
        &self,
        own: Option<Checkpoint>,
    ) -> Result<Option<Checkpoint>, Error> {
        let Some(group) = self.group else { return Ok(own) };
        let bytes = group.share(own.as_ref().map_or_else(Vec::new, Checkpoint::to_bytes))?;
        if own.is_some() || bytes.is_empty() {
            return Ok(own);
        }
        let shared = Checkpoint::from_bytes(&bytes).expect("the first process has just written it");
        Ok(Some(shared))
    }

    /// The shards that go through the network here.
    fn own(&self) -> Range<usize> {
        let (rank, size) = self.group.map_or((0, 1), |group| (group.rank(), group.size()));
        let each = self.shards / size;
        rank * each..(rank + 1) * each
    }

    /// Adds the flat gradients of all shards in their order; `own` are those of this process.
    pub(crate) fn sum_gradients(&self, own: Vec<Tensor>) -> Result<Tensor, Error> {
        let all = match self.group {
            None => own,
            Some(group) => {
                let (length, device) = (own[0].size1().expect("it is flat"), own[0].device());
                let gathered = group.gather(numbers(&Tensor::cat(&own, 0)))?;
                let table = Tensor::from_slice(&gathered).view([-1, length]).to_device(device);
                table.unbind(0)
            }
        };
        let mut all = all.into_iter();
        let mut sum = all.next().expect("there is a shard").copy();
        for gradient in all {
            let _same = sum.g_add_(&gradient);
        }
        Ok(sum)
    }

    /// Puts the outputs of all processes together, (patients, outputs): each row is 0 but in one.
    fn sum_outputs(&self, own: Tensor) -> Result<Tensor, Error> {
        let Some(group) = self.group else { return Ok(own) };
        let (shape, device) = (own.size(), own.device());
        let all = group.sum(numbers(&own))?;
        Ok(Tensor::from_slice(&all).view(shape.as_slice()).to_device(device))
    }
}

/// Some patients dealt to shards, with what the network reads of those of the own shards.
pub(crate) struct Shards<'a> {
    /// The shard of each patient, (patients,).
    shard: Vec<usize>,
    /// The place of each patient in the shard, (patients,).
    place: Vec<usize>,
    /// The numbers of the own shards.
    own: Range<usize>,
    /// One for each of them.
    readings: Vec<Reading<'a>>,
}

/// The patients of a batch that are in one shard.
struct Piece {
    /// Their places in the batch.
    places: Vec<i64>,
    inputs: Inputs,
}

/// A piece that went through the network.
pub(crate) struct Pass {
    /// Places in the batch, (rows,).
    places: Tensor,
    /// (rows, outputs).
    raw: Tensor,
}

impl<'a> Shards<'a> {
    /// Deals patients, who are rows of `data`, in an order drawn by the seed.
    pub(crate) fn new(
        data: &'a Data<'a>,
        rows: &[usize],
        (team, seed): (&Team, u64),
        settings: &LossSettings,
    ) -> Self {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        random.set_stream(DEALING);
        order.shuffle(&mut random);
        let mut shard = vec![0; rows.len()];
        for (dealt, &patient) in order.iter().enumerate() {
            shard[patient] = dealt % team.shards;
        }
        let mut counts = vec![0; team.shards];
        let place = shard.iter().map(|&shard| {
            counts[shard] += 1;
            counts[shard] - 1
        });
        let place = place.collect();
        let members = |own: usize| -> Vec<usize> {
            (0..rows.len()).filter(|&row| shard[row] == own).map(|row| rows[row]).collect()
        };
        let own = team.own();
        let reading = |own| Reading::new(data, &members(own), settings.device());
        let readings = own.clone().map(reading).collect();
        Self { shard, place, own, readings }
    }

    /// The patients of the first own shard.
    pub(crate) fn first(&self) -> Inputs {
        self.readings[0].all()
    }

    /// The own patients of a batch, a piece for each own shard.
    fn pieces(&self, batch: &[usize]) -> impl Iterator<Item = Piece> {
        self.own.clone().zip(&self.readings).map(|(own, reading)| {
            let here = batch.iter().enumerate().filter(|(_, row)| self.shard[**row] == own);
            let (places, rows): (Vec<i64>, Vec<usize>) =
                here.map(|(place, &row)| (to_i64(place), self.place[row])).unzip();
            let everybody = rows.iter().copied().eq(0..reading.patients());
            let inputs = if everybody { reading.all() } else { reading.pick(&rows) };
            Piece { places, inputs }
        })
    }

    /// Passes the own part of a batch through the network, with the same masks as if it all went at
    /// once. A shard without a patient in the batch passes its first one, who counts for nothing.
    pub(crate) fn passes(
        &self,
        batch: &[usize],
        training: &Training,
        run: &dyn Fn(&Inputs) -> Tensor,
    ) -> Vec<Pass> {
        let start = training.random.borrow().get_word_pos();
        let mut passes = vec![];
        for (piece, whole) in self.pieces(batch).zip(&self.readings) {
            let absent = piece.places.is_empty();
            let (masks, inputs) = if absent {
                (vec![0], whole.pick(&[0]))
            } else {
                (piece.places.clone(), piece.inputs)
            };
            let device = inputs.present.device();
            training.pass(batch.len(), Tensor::from_slice(&masks), start);
            let raw = run(&inputs);
            let raw = if absent { raw.narrow(0, 0, 0) } else { raw };
            let places = Tensor::from_slice(&piece.places).to_device(device);
            passes.push(Pass { places, raw });
        }
        passes
    }

    /// The network's outputs for all of these patients, in every process.
    pub(crate) fn outputs(&self, network: &Network, team: &Team) -> Result<Outputs, Error> {
        let _guard = tch::no_grad_guard();
        let everyone: Vec<usize> = (0..self.shard.len()).collect();
        let mut passes = vec![];
        for batch in everyone.chunks(BLOCK) {
            let start = to_i64(batch[0]);
            for piece in self.pieces(batch).filter(|piece| !piece.places.is_empty()) {
                let places: Vec<i64> = piece.places.iter().map(|place| place + start).collect();
                let raw = network.raw(&piece.inputs, None, None);
                passes.push(Pass {
                    places: Tensor::from_slice(&places).to_device(raw.device()),
                    raw,
                });
            }
        }
        let raw = put_together(&passes, everyone.len(), (team, network))?;
        Ok(network.outputs(&raw))
    }
}

/// The outputs of all processes for a batch, (batch, outputs), without a way back to the network.
pub(crate) fn put_together(
    passes: &[Pass],
    batch: usize,
    (team, network): (&Team, &Network),
) -> Result<Tensor, Error> {
    let _guard = tch::no_grad_guard();
    let shape = [to_i64(batch), network.raw_outputs()];
    let mut all = Tensor::zeros(shape, (Kind::Float, network.flat.device()));
    for pass in passes {
        let _same = all.index_copy_(0, &pass.places, &pass.raw.detach());
    }
    team.sum_outputs(all)
}

impl Pass {
    /// A scalar whose gradient is that of the loss by way of this pass; `slope` is the loss's by
    /// the outputs of the whole batch, (batch, outputs).
    pub(crate) fn toward(&self, slope: &Tensor) -> Tensor {
        (&self.raw * slope.index_select(0, &self.places)).sum(Kind::Float)
    }
}
