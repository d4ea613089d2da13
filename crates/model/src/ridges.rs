//! How the penalized Cox models of a training part are fitted.

use std::collections::{BTreeMap, btree_map::Entry};

use oncoweave_core::{
    Values,
    cross_fit::{CrossFitted, RidgeBlocks, cross_fit_elastic_net},
    preprocess::PreparedBlock,
};

use crate::{
    Error, Linear, Model, Predictor,
    linear::{fit_elastic_net, fit_ridge, values},
    plan::Plan,
    recipe::{Fitted, Method, Reads, Recipe},
    score::log_risks,
};

impl Plan<'_> {
    /// Fits one ridge Cox model.
    pub(crate) fn ridge(&self, recipe: &Recipe) -> Result<Fitted, Error> {
        let preprocessing = self.preprocessing(recipe)?;
        let name = self.name(recipe);
        let prepared = self.prepare(&preprocessing)?;
        let blocks: Vec<&PreparedBlock> = prepared.blocks.iter().collect();
        let fitted = fit_ridge(&blocks, self.outcomes(), self.config.seed)
            .map_err(Error::undefined(format!("`{name}` cannot be fitted")))?;
        let predictor = Predictor::Linear(Linear::new(&fitted, &blocks));
        let log_risks = log_risks(&predictor, &blocks);
        let model = self.model(recipe, (preprocessing, predictor), &log_risks, vec![])?;
        Ok(Fitted { model, log_risks, out_of_fold: vec![] })
    }

    /// Fits one elastic-net Cox model; in a stack, over the inner folds.
    pub(crate) fn elastic_net(&self, recipe: &Recipe) -> Result<Fitted, Error> {
        let preprocessing = self.preprocessing(recipe)?;
        let prepared = self.prepare(&preprocessing)?;
        let blocks: Vec<&PreparedBlock> = prepared.blocks.iter().collect();
        let l1_ratio = self.config.elastic_net.l1_ratio;
        let (outcomes, seed) = (self.outcomes(), self.config.seed);
        let undefined = || Error::undefined(format!("`{}` cannot be fitted", self.name(recipe)));
        let (linear, out_of_fold) = if self.inner.is_empty() {
            let fitted = fit_elastic_net(&blocks, outcomes, seed, l1_ratio).map_err(undefined())?;
            (Linear::new(&fitted, &blocks), vec![])
        } else {
            let fitted = cross_fit_elastic_net(&values(&blocks), outcomes, &self.inner, l1_ratio)
                .map_err(undefined())?;
            let out_of_fold = fitted.out_of_fold.iter().map(|risk| risk.0).collect();
            (Linear::cross_fitted(&fitted, &blocks), out_of_fold)
        };
        let linear = linear.with_l1_ratio(l1_ratio);
        let selection = linear.selection();
        let predictor = Predictor::Linear(linear);
        let log_risks = log_risks(&predictor, &blocks);
        let mut model = self.model(recipe, (preprocessing, predictor), &log_risks, vec![])?;
        model.training.notes.extend(selection);
        Ok(Fitted { model, log_risks, out_of_fold })
    }

    /// A model that gives everybody the same hazard: Nelson and Aalen's.
    pub(crate) fn constant(&self) -> Result<Model, Error> {
        let recipe = Recipe::new(Method::Ridge, Reads::All);
        let preprocessing = self.all_columns()?;
        let prepared = self.prepare(&preprocessing)?;
        let blocks: Vec<&PreparedBlock> = prepared.blocks.iter().collect();
        let predictor = Predictor::Linear(Linear::constant(&blocks));
        let log_risks = vec![0.0; self.outcomes().len()];
        self.model(&recipe, (preprocessing, predictor), &log_risks, vec![])
    }

    /// Fits ridge Cox models that share their inner folds and the products of their columns.
    pub(crate) fn cross_fitted(&self, recipes: &[Recipe]) -> Vec<(Recipe, Result<Fitted, Error>)> {
        let everything = Recipe::new(Method::Ridge, Reads::All);
        let columns = self.preprocessing(&everything);
        let prepared = columns.as_ref().ok().map(|columns| self.prepare(columns));
        let Some(Ok(prepared)) = prepared else {
            let fail = |recipe: &Recipe| (recipe.clone(), self.preprocessing(recipe).map(|_| ()));
            let error = |(recipe, result): (Recipe, Result<(), Error>)| {
                let reason = || Error::Untrainable { reason: "no column is left".to_owned() };
                (recipe, Err(result.err().unwrap_or_else(reason)))
            };
            return recipes.iter().map(fail).map(error).collect();
        };
        let values: Vec<Values> = prepared.blocks.iter().map(Values::Prepared).collect();
        let names: Vec<&str> = prepared.blocks.iter().map(PreparedBlock::modality).collect();
        let mut blocks = RidgeBlocks::new(&values, self.outcomes(), &self.inner);
        let mut alone: BTreeMap<usize, CrossFitted> = BTreeMap::new();
        let mut one = |recipe: &Recipe| {
            let preprocessing = self.preprocessing(recipe)?;
            let undefined = || Error::undefined(format!("`{}` cannot be fitted", recipe.name()));
            let blocks = blocks.as_mut().map_err(|error| undefined()(error.clone()))?;
            let widths = preprocessing.widths();
            let place = |&(name, _): &(&str, usize)| names.iter().position(|own| *own == name);
            let which: Vec<usize> = widths.iter().filter_map(place).collect();
            let fitted = match recipe.method {
                Method::RidgeByModality => {
                    for &block in &which {
                        if let Entry::Vacant(place) = alone.entry(block) {
                            place.insert(blocks.fit(&[block]).map_err(undefined())?);
                        }
                    }
                    let own: Vec<&CrossFitted> = which.iter().map(|block| &alone[block]).collect();
                    blocks.fit_by_block(&which, &own)
                }
                Method::Ridge | Method::Network | Method::ElasticNet => blocks.fit(&which),
            };
            let fitted = fitted.map_err(undefined())?;
            if let [block] = which[..] {
                alone.entry(block).or_insert_with(|| fitted.clone());
            }
            let own: Vec<_> = which.iter().map(|&block| &prepared.blocks[block]).collect();
            let predictor = Predictor::Linear(Linear::cross_fitted(&fitted, &own));
            let log_risks = log_risks(&predictor, &own);
            let model = self.model(recipe, (preprocessing, predictor), &log_risks, vec![])?;
            let out_of_fold = fitted.out_of_fold.iter().map(|risk| risk.0).collect();
            Ok(Fitted { model, log_risks, out_of_fold })
        };
        recipes.iter().map(|recipe| (recipe.clone(), one(recipe))).collect()
    }
}
