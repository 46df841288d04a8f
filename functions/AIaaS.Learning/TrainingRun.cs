using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx.Protos;
using AIaaS.Learning.Runtime;
using AIaaS.Learning.Sweeps;
using AIaaS.Learning.Trainers;
using AIaaS.Learning.Training;
using Google.Protobuf;

namespace AIaaS.Learning;

/// <summary>What to train, on what, and where to leave it.</summary>
public sealed record TrainingRequest
{
    public required TrainParameters Parameters { get; init; }

    /// <summary>All columns but the target; the ones a model has no use for are left out by the schema's kinds.</summary>
    public required FeatureTable Features { get; init; }

    public required TargetColumn Target { get; init; }

    /// <summary>Kinds of all columns, for the card's notes as well.</summary>
    public required DataSchema Schema { get; init; }

    /// <summary>The fold of each row as the data set stores it, -1 for those to judge by; null deals the rows here.</summary>
    public IReadOnlyList<int>? Folds { get; init; }

    /// <summary>The values of the column that weighs rows; null where there is none.</summary>
    public IReadOnlyList<float>? Weights { get; init; }

    /// <summary>Gets <c>model.onnx</c>, <c>signature.json</c>, <c>metrics.json</c>, <c>card.json</c>, <c>background.json</c>, <c>leaderboard.json</c> and <c>trials/</c>.</summary>
    public required string OutputFolder { get; init; }

    public required string CheckpointFolder { get; init; }

    /// <summary>Where trials of other jobs lie, for <see cref="TrainParameters.SweepIsOver"/>; null where there are none.</summary>
    public string? TrialsFolder { get; init; }

    /// <summary>Threads it may use; null for all.</summary>
    public int? Threads { get; init; }

    /// <summary>The run, for the card.</summary>
    public string? Run { get; init; }
}

/// <summary>From a table to a judged model: split, try configurations on folds, train the best on all training rows, judge on rows never seen, export.</summary>
public sealed class TrainingRun
{
    public const string ModelFileName = "model.onnx";

    private const double SweepBegins = 3;
    private const double SweepEnds = 85;
    private const double FitEnds = 95;

    private readonly TimeProvider _timeProvider;
    private readonly IReadOnlyList<ITrainer> _trainers;

    public TrainingRun(TimeProvider timeProvider)
        : this(timeProvider, TrainerRegistry.Create(timeProvider))
    {
    }

    internal TrainingRun(TimeProvider timeProvider, IReadOnlyList<ITrainer> trainers) => (_timeProvider, _trainers) = (timeProvider, trainers);

    /// <param name="request">What to train.</param>
    /// <param name="progress">Is told stages, trials and losses, percent over the whole run.</param>
    /// <param name="cancellationToken">Saves checkpoints before it leaves; the same request then goes on from there.</param>
    /// <returns>The metrics as written; null where the request was for trials only.</returns>
    /// <exception cref="TrainingException">The data or the parameters do not allow a model; the message is for the user.</exception>
    public ModelMetrics? Execute(TrainingRequest request, IProgress<JobProgress> progress, CancellationToken cancellationToken)
    {
        var parameters = request.Parameters;
        var trainers = Choose(parameters);
        var objective = Objective.Of(parameters);
        SweepPlanner.Require(SweepValidation.Check(parameters.Sweep, parameters.Trainers, parameters.Task, _trainers));
        var reporter = new ProgressReporter(progress, _timeProvider);
        reporter.Report(0, "features");
        var data = TrainingData.Of(request);
        var planner = new SweepPlanner(
            parameters.Sweep,
            [.. trainers.Select(trainer => (trainer.Name, SpaceOf(trainer, parameters, data)))],
            objective.HigherIsBetter,
            data.Split.Training.Length,
            parameters.Seed,
            SweepRun.ThreadsOfTrial(data, request.Threads));

        var sweep = new SweepRun(data, request, objective, trainers, _timeProvider, trial => reporter.Report(SweepBegins, SweepEnds, trial));
        if (parameters.Trials is { } some)
        {
            sweep.Run(some, cancellationToken);
            reporter.Report(100, "train");
            return null;
        }

        var (trials, files) = parameters.SweepIsOver ? LoadTrials(request) : (sweep.Run(planner, cancellationToken), sweep.Files);
        var ranked = planner.Rank(trials);
        var fitted = new ModelFit(
                data, request, objective, trainers, files,
                (percent, what) => reporter.Report(SweepEnds + ((FitEnds - SweepEnds) * percent / 100), "fit", null, new Dictionary<string, JsonElement> { ["trainer"] = Json(what) }))
            .Fit(ranked, cancellationToken);
        var model = ModelExporter.Export(fitted, data.Inputs, data.Target.Labels, new Dictionary<string, string>
        {
            ["model"] = parameters.Model,
            ["target"] = parameters.Target,
            ["trainer"] = fitted.Trainer,
        });

        reporter.Report(FitEnds, "judge");
        var metrics = Judge(data, parameters, objective, model, cancellationToken);
        reporter.Report(98, "export");
        Write(request, data, fitted, model, metrics, new Leaderboard
        {
            Objective = objective.Name,
            HigherIsBetter = objective.HigherIsBetter,
            Trials = ranked,
            Members = fitted.Members,
        });
        reporter.Report(100, "export");
        return metrics;
    }

    private static IReadOnlyDictionary<string, HyperparameterRange> SpaceOf(ITrainer trainer, TrainParameters parameters, TrainingData data) =>
        SweepValidation.Merge(trainer.Space(parameters.Task, data.Split.Training.Length), parameters.Sweep.Spaces?.GetValueOrDefault(trainer.Name));

    private static (IReadOnlyList<TrialResult> Trials, TrialFiles Files) LoadTrials(TrainingRequest request)
    {
        var files = new TrialFiles(request.TrialsFolder ?? throw new TrainingException("The trials are missing", "The job is to make a model of trials, and was given none."));
        return (files.Load(), files);
    }

    private static ModelMetrics Judge(TrainingData data, TrainParameters parameters, Objective objective, ModelProto model, CancellationToken cancellationToken)
    {
        using var session = Sessions.Create(model);
        return new ModelEvaluation(data, parameters, objective, rows =>
            TableFeed.Run(session, [.. data.Inputs.Select(i => i.Input)], rows, data.Output, data.Width, cancellationToken)).Judge();
    }

    private void Write(TrainingRequest request, TrainingData data, FittedModel fitted, ModelProto model, ModelMetrics metrics, Leaderboard leaderboard)
    {
        var parameters = request.Parameters;
        var training = data.Table.Select(data.Split.Training);
        var signature = new ModelSignature
        {
            Task = parameters.Task,
            Inputs = [.. training.Columns.Zip(data.Inputs, FeatureDescriptions.Describe)],
            Outputs = ModelExporter.Outputs(data.Target.Labels),
            Target = new ModelTarget(parameters.Target, request.Target.Kind, data.Target.Labels?.ToJson()),
        };
        var card = new ModelCard
        {
            Name = parameters.Model,
            Task = parameters.Task,
            Target = parameters.Target,
            Trainer = fitted.Trainer,
            Trained = _timeProvider.GetUtcNow(),
            Dataset = parameters.Dataset,
            DatasetVersion = parameters.DatasetVersion,
            Run = request.Run,
            Seed = parameters.Seed,
            Hyperparameters = fitted.Hyperparameters,
            Metrics = metrics.Holdout,
            Notes = [.. data.Notes, .. fitted.Notes],
        };
        Directory.CreateDirectory(request.OutputFolder);
        WriteFile(ModelFileName, model.ToByteArray());
        WriteFile(ModelSignature.FileName, JsonSerializer.SerializeToUtf8Bytes(signature, JsonDefaults.Indented));
        WriteFile(ModelMetrics.FileName, JsonSerializer.SerializeToUtf8Bytes(metrics, JsonDefaults.Indented));
        WriteFile(BackgroundSample.FileName, BackgroundWriter.Write(training, parameters.Seed));
        WriteFile(Leaderboard.FileName, JsonSerializer.SerializeToUtf8Bytes(leaderboard, JsonDefaults.Indented));
        using (var page = new StreamWriter(Path.Combine(request.OutputFolder, ModelMetrics.PageFileName)))
            ModelPage.Write(page, card, metrics, signature, leaderboard);
        WriteFile(ModelCard.FileName, JsonSerializer.SerializeToUtf8Bytes(card, JsonDefaults.Indented));

        void WriteFile(string name, byte[] content) => File.WriteAllBytes(Path.Combine(request.OutputFolder, name), content);
    }

    private List<ITrainer> Choose(TrainParameters parameters)
    {
        var chosen = new List<ITrainer>();
        foreach (var name in parameters.Trainers.Distinct(StringComparer.Ordinal))
        {
            var trainer = _trainers.FirstOrDefault(t => t.Name == name) ?? throw new TrainingException(
                "There is no such trainer",
                $"There is no trainer '{name}'. Choose from: {string.Join(", ", _trainers.Select(t => t.Name))}.");
            if (!trainer.Supports(parameters.Task))
                throw new TrainingException("The trainer cannot do this task", $"The trainer '{name}' does not do {parameters.Task}.");
            chosen.Add(trainer);
        }

        return chosen.Count > 0 ? chosen : throw new TrainingException("There is no trainer", "Name at least one trainer.");
    }

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);
}
