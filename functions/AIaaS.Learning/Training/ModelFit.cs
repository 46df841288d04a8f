using System.Globalization;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Features;
using AIaaS.Learning.Sweeps;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Training;

/// <summary>Makes the model of the best trials: chosen by what they predicted for validation rows, trained anew on all training rows.</summary>
internal sealed class ModelFit(
    TrainingData data, TrainingRequest request, Objective objective, IReadOnlyList<ITrainer> trainers, TrialFiles files, Action<double, string> report)
{
    private const int MostCandidates = 12;
    private const int EnsembleRounds = 25;

    /// <summary>Below so many validation rows the best mixture is the luckiest one.</summary>
    private const int FewestEnsembleRows = 500;

    /// <summary>A member that weighs less is not worth its time in every prediction.</summary>
    private const double LeastWeight = 0.1;

    /// <summary>What an ensemble must gain over the best single model, as a share of what there is to gain.</summary>
    private const double LeastGain = 0.01;

    /// <param name="ranked">Trials, best first.</param>
    /// <param name="cancellationToken">Leaves; the training under way has saved a checkpoint.</param>
    /// <exception cref="TrainingException">No trial succeeded.</exception>
    public FittedModel Fit(IReadOnlyList<TrialResult> ranked, CancellationToken cancellationToken)
    {
        var candidates = ranked.Where(trial => trial.Status is TrialStatus.Succeeded).ToList();
        // The sweep's time was over before any trial had its full effort.
        if (candidates.Count == 0)
            candidates.AddRange(ranked.Where(trial => trial.Objective is not null));
        while (candidates.Count > 0)
        {
            var (members, notes) = Choose(candidates);
            try
            {
                return Train(members, notes, cancellationToken);
            }
            catch (TrainingException impossible) when (candidates.Count > 1)
            {
                // It did well on parts of the rows, and fails on all of them: another one is the model then.
                report(0, impossible.Title);
                candidates.RemoveAll(trial => members.Any(member => member.Trial == trial));
                if (candidates.Count == 0)
                    throw;
            }
        }

        var failures = ranked.Where(trial => trial.Error is not null).ToList();
        var first = failures.Count > 0 ? failures[0].Error! : new ErrorDetail("No trial succeeded", "Allow the sweep more trials or more time.");
        var others = failures.Skip(1).Select(trial => trial.Error!.Detail).Distinct().Count(detail => detail != first.Detail);
        throw new TrainingException(first.Title, others == 0 ? first.Detail : string.Create(CultureInfo.InvariantCulture, $"{first.Detail} ({others} other reasons are in the trials' results.)"));
    }

    private (IReadOnlyList<(TrialResult Trial, double Weight)> Members, IReadOnlyList<string> Notes) Choose(List<TrialResult> candidates)
    {
        var best = candidates[0];
        var rows = data.ValidationRows;
        if (!request.Parameters.Sweep.Ensemble || candidates.Count < 2 || rows.Length < FewestEnsembleRows)
            return ([(best, 1)], []);

        var predicted = candidates.Take(MostCandidates)
            .Select(trial => (Trial: trial, Predictions: files.LoadPredictions(trial.Spec.Trial, (long)rows.Length * data.Width)))
            .Where(candidate => candidate.Predictions is not null).ToArray();
        if (predicted.Length < 2)
            return ([(best, 1)], []);

        var weights = GreedyEnsemble.Select([.. predicted.Select(candidate => candidate.Predictions!)], data.Width, Loss, EnsembleRounds);
        var members = predicted.Zip(weights, (candidate, weight) => (candidate.Trial, candidate.Predictions, Weight: weight)).Where(member => member.Weight >= LeastWeight).ToArray();
        var total = members.Sum(member => member.Weight);
        if (members.Length < 2)
            return ([(best, 1)], []);

        var joined = Join([.. members.Select(member => (member.Predictions!, member.Weight / total))]);
        var value = ValueOf(joined);
        if (objective.Gain(value, best.Objective!.Value) < LeastGain)
            return ([(best, 1)], []);
        return (
            [.. members.Select(member => (member.Trial, member.Weight / total))],
            [string.Create(CultureInfo.InvariantCulture, $"Joined from {members.Length} trials: {objective.Name} {value:0.####} on validation rows instead of {best.Objective:0.####} of the best one alone.")]);

        double ValueOf(float[] predictions) => data.Target.Judge(rows, predictions).Metrics.GetValueOrDefault(objective.Name, double.NaN);

        double Loss(float[] predictions) => objective.Loss(ValueOf(predictions));
    }

    private FittedModel Train(IReadOnlyList<(TrialResult Trial, double Weight)> members, IReadOnlyList<string> notes, CancellationToken cancellationToken)
    {
        var training = data.Split.Training;
        var table = data.Table.Select(training);
        var target = data.Target.ForTrainer(training);
        var parts = new List<ModelPart>();
        var trained = new List<TrainedModel>();
        foreach (var (number, (trial, weight)) in members.Index())
        {
            var trainer = trainers.First(candidate => candidate.Name == trial.Spec.Trainer);
            var hyperparameters = new Hyperparameters(trial.Spec.Hyperparameters).With(trial.Refit);
            var (pipeline, features) = FeaturePipeline.FitTransform(
                table,
                data.Inputs,
                FeatureEncoders.For(request.Parameters.Features, trainer, hyperparameters),
                new(target, request.Parameters.Seed),
                request.Parameters.Features.Components,
                cancellationToken);
            var (from, share) = (100.0 * number / members.Count, 1.0 / members.Count);
            var model = trainer.Train(
                new TrainerInput
                {
                    Features = features,
                    Rows = training.Length,
                    Width = pipeline.Width,
                    Slots = pipeline.Slots,
                    Target = target,
                    Weights = data.WeightsOf(training),
                    Hyperparameters = hyperparameters,
                    Seed = request.Parameters.Seed,
                    Threads = request.Threads ?? Environment.ProcessorCount,
                    CheckpointFolder = Path.Combine(request.CheckpointFolder, $"fit-{trial.Spec.Trial:D4}"),
                    Report = (percent, _) => report(from + (share * percent), trainer.Name),
                },
                cancellationToken);
            parts.Add(new ModelPart(pipeline, model, weight));
            trained.Add(model);
        }

        var calibrator = Calibrate(members);
        return new FittedModel(
            [.. members.Select(member => new ModelMember(member.Trial.Spec.Trial, Math.Round(member.Weight, 6)))],
            parts,
            calibrator,
            members.Count == 1 ? members[0].Trial.Spec.Trainer : "ensemble",
            members.Count == 1 ? trained[0].Hyperparameters : Described(members, trained),
            [.. notes, .. parts.SelectMany(part => (IEnumerable<string>)[.. part.Features.Notes, .. part.Model.Notes]).Distinct()]);
    }

    private ICalibrator? Calibrate(IReadOnlyList<(TrialResult Trial, double Weight)> members)
    {
        if (request.Parameters.Calibrate is Calibration.None || data.Target.Labels is null)
            return null;
        var rows = data.ValidationRows;
        var predictions = Join([.. members.Select(member => (
            files.LoadPredictions(member.Trial.Spec.Trial, (long)rows.Length * data.Width)
                ?? throw new TrainingException("Probabilities cannot be calibrated", $"What trial {member.Trial.Spec.Trial} predicted for its validation rows is missing. Start the run again."),
            member.Weight))]);
        return Calibrators.Fit(request.Parameters.Calibrate, predictions, [.. rows.Select(row => data.Target.Groups[row])], data.Width);
    }

    private static float[] Join(IReadOnlyList<(float[] Predictions, double Weight)> members)
    {
        var joined = new float[members[0].Predictions.Length];
        foreach (var (predictions, weight) in members)
        {
            for (var i = 0; i < joined.Length; i++)
                joined[i] += (float)(predictions[i] * weight);
        }

        return joined;
    }

    private static Dictionary<string, JsonElement> Described(IReadOnlyList<(TrialResult Trial, double Weight)> members, List<TrainedModel> trained) =>
        members.Zip(trained).ToDictionary(
            member => string.Create(CultureInfo.InvariantCulture, $"trial {member.First.Trial.Spec.Trial}"),
            member => JsonSerializer.SerializeToElement(
                new { trainer = member.First.Trial.Spec.Trainer, weight = Math.Round(member.First.Weight, 4), hyperparameters = member.Second.Hyperparameters },
                JsonDefaults.Options));
}

/// <param name="Features">Fitted features.</param>
/// <param name="Model">What was learned on them.</param>
/// <param name="Weight">Its share of the answer.</param>
internal sealed record ModelPart(FeaturePipeline Features, TrainedModel Model, double Weight);

/// <param name="Members">The trials it is made of.</param>
/// <param name="Parts">What was learned, one for each member.</param>
/// <param name="Calibrator">Null where probabilities stay as they are.</param>
/// <param name="Trainer">For the card: the trainer, or <c>ensemble</c>.</param>
/// <param name="Hyperparameters">For the card.</param>
/// <param name="Notes">For the card.</param>
internal sealed record FittedModel(
    IReadOnlyList<ModelMember> Members,
    IReadOnlyList<ModelPart> Parts,
    ICalibrator? Calibrator,
    string Trainer,
    IReadOnlyDictionary<string, JsonElement> Hyperparameters,
    IReadOnlyList<string> Notes);
