using System.Globalization;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx.Protos;
using AIaaS.Learning.Runtime;
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

    /// <summary>Gets <c>model.onnx</c>, <c>signature.json</c>, <c>metrics.json</c>, <c>card.json</c> and <c>background.json</c>.</summary>
    public required string OutputFolder { get; init; }

    public required string CheckpointFolder { get; init; }

    /// <summary>Threads it may use; null for all.</summary>
    public int? Threads { get; init; }

    /// <summary>The run, for the card.</summary>
    public string? Run { get; init; }
}

/// <summary>From a table to a judged model: split, fit features, train, judge on rows never seen, export.</summary>
public sealed class TrainingRun
{
    public const string ModelFileName = "model.onnx";

    private const int MinimumRows = 10;

    private readonly TimeProvider _timeProvider;
    private readonly IReadOnlyList<ITrainer> _trainers;

    public TrainingRun(TimeProvider timeProvider)
        : this(timeProvider, TrainerRegistry.Create(timeProvider))
    {
    }

    internal TrainingRun(TimeProvider timeProvider, IReadOnlyList<ITrainer> trainers) => (_timeProvider, _trainers) = (timeProvider, trainers);

    /// <param name="request">What to train.</param>
    /// <param name="progress">Is told stages and losses, percent over the whole run.</param>
    /// <param name="cancellationToken">Saves a checkpoint before it leaves; the same request then goes on from there.</param>
    /// <returns>The metrics as written.</returns>
    /// <exception cref="TrainingException">The data or the parameters do not allow a model; the message is for the user.</exception>
    public ModelMetrics Execute(TrainingRequest request, IProgress<JobProgress> progress, CancellationToken cancellationToken)
    {
        var parameters = request.Parameters;
        var trainers = Choose(parameters);
        if (parameters.Holdout is not (> 0 and < 1))
            throw new TrainingException("The holdout share is out of range", $"A holdout of {parameters.Holdout} cannot be judged on; give a share between 0 and 1, such as 0.2.");

        Report(0, "features");
        var selection = FeatureSelection.From(request.Schema, parameters.Target);
        var (table, target, rows, notes) = Select(request, selection);
        var split = (request.Folds is { } folds ? HoldoutSplit.Stored(folds, rows) : null)
            ?? HoldoutSplit.Create(target.Groups, parameters.Holdout, parameters.Seed);
        var (training, holdout) = (table.Select(split.Training), table.Select(split.Holdout));
        var inputs = FeatureInput.For(table);

        Candidate? best = null;
        foreach (var (number, trainer) in trainers.Index())
        {
            var candidate = Train(trainer, number);
            if (best is null || candidate.Score > best.Score)
                best = candidate;
        }

        Report(95, "export");
        Write(best!);
        Report(100, "export");
        return best!.Metrics;

        Candidate Train(ITrainer trainer, int number)
        {
            double from = 5 + (90.0 * number / trainers.Count), to = 5 + (90.0 * (number + 1) / trainers.Count);
            var pipeline = FeaturePipeline.Fit(training, inputs, trainer.Encoders(Hyperparameters.None), new(target.ForTrainer(split.Training), parameters.Seed));
            var features = pipeline.Transform(training, cancellationToken);
            Report(from, "train");
            var trained = trainer.Train(
                new TrainerInput
                {
                    Features = features,
                    Rows = training.Rows,
                    Width = pipeline.Width,
                    Slots = pipeline.Slots,
                    Target = target.ForTrainer(split.Training),
                    Seed = parameters.Seed,
                    Threads = request.Threads ?? Environment.ProcessorCount,
                    CheckpointFolder = request.CheckpointFolder,
                    Report = (percent, values) => Report(from + ((to - from) * percent / 100), "train", number + 1, values),
                },
                cancellationToken);

            var model = ModelExporter.Export(pipeline, trained, target.Labels, new Dictionary<string, string>
            {
                ["model"] = parameters.Model,
                ["target"] = parameters.Target,
                ["trainer"] = trainer.Name,
            });
            Report(to, "judge", number + 1);
            using var session = Sessions.Create(model);
            var output = TableFeed.Run(
                session,
                [.. inputs.Select(i => i.Input)],
                holdout,
                target.Labels is null ? FeatureInput.Value : FeatureInput.Probabilities,
                target.Labels?.Count ?? 1,
                cancellationToken);
            var (values, confusion, score) = target.Judge(split.Holdout, output);
            var metrics = new ModelMetrics { TrainingRows = training.Rows, HoldoutRows = holdout.Rows, Holdout = values, ConfusionMatrix = confusion };
            Report(to, "judge", number + 1, values.ToDictionary(v => v.Key, v => Json(v.Value)), JobProgressKind.Trial);
            return new(trainer.Name, trained, model, metrics, [.. pipeline.Notes, .. trained.Notes], score);
        }

        void Write(Candidate candidate)
        {
            var signature = new ModelSignature
            {
                Task = parameters.Task,
                Inputs = [.. training.Columns.Zip(inputs, FeatureDescriptions.Describe)],
                Outputs = ModelExporter.Outputs(target.Labels),
                Target = new ModelTarget(parameters.Target, request.Target.Kind, target.Labels?.ToJson()),
            };
            var card = new ModelCard
            {
                Name = parameters.Model,
                Task = parameters.Task,
                Target = parameters.Target,
                Trainer = candidate.Trainer,
                Trained = _timeProvider.GetUtcNow(),
                Dataset = parameters.Dataset,
                DatasetVersion = parameters.DatasetVersion,
                Run = request.Run,
                Seed = parameters.Seed,
                Hyperparameters = candidate.Trained.Hyperparameters,
                Metrics = candidate.Metrics.Holdout,
                Notes = [.. notes, .. candidate.Notes],
            };
            Directory.CreateDirectory(request.OutputFolder);
            WriteFile(ModelFileName, candidate.Model.ToByteArray());
            WriteFile(ModelSignature.FileName, JsonSerializer.SerializeToUtf8Bytes(signature, JsonDefaults.Indented));
            WriteFile(ModelMetrics.FileName, JsonSerializer.SerializeToUtf8Bytes(candidate.Metrics, JsonDefaults.Indented));
            WriteFile(BackgroundSample.FileName, BackgroundWriter.Write(training, parameters.Seed));
            WriteFile(ModelCard.FileName, JsonSerializer.SerializeToUtf8Bytes(card, JsonDefaults.Indented));
        }

        void WriteFile(string name, byte[] content) => File.WriteAllBytes(Path.Combine(request.OutputFolder, name), content);

        void Report(double percent, string stage, int? trial = null, IReadOnlyDictionary<string, JsonElement>? values = null, JobProgressKind kind = JobProgressKind.Progress) =>
            progress.Report(new JobProgress
            {
                Time = _timeProvider.GetUtcNow(),
                Kind = kind,
                Percent = percent,
                Trial = trial,
                Values = new Dictionary<string, JsonElement>(values ?? new Dictionary<string, JsonElement>()) { ["stage"] = JsonSerializer.SerializeToElement(stage) },
            });
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

    /// <summary>Rows whose target is known, and columns a model can use.</summary>
    private static (FeatureTable Table, TrainingTarget Target, int[] Rows, IReadOnlyList<string> Notes) Select(TrainingRequest request, FeatureSelection selection)
    {
        var notes = selection.Notes.ToList();
        if (request.Target.Rows != request.Features.Rows)
            throw new ArgumentException($"The target has {request.Target.Rows} rows, the features {request.Features.Rows}.", nameof(request));

        if (request.Folds is { } folds && folds.Count != request.Features.Rows)
            throw new TrainingException("The split does not fit the data", $"The stored split has {folds.Count} rows, the data {request.Features.Rows}. Prepare the data again.");

        var target = TrainingTarget.Of(request.Target, request.Parameters.Task);
        var rows = target.KnownRows;
        if (rows.Length < request.Target.Rows)
        {
            notes.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"{request.Target.Rows - rows.Length} rows without a value of '{request.Target.Name}' were left out."));
        }

        if (rows.Length < MinimumRows)
        {
            throw new TrainingException("Too few rows", string.Create(
                CultureInfo.InvariantCulture,
                $"{rows.Length} rows have a value of '{request.Target.Name}'; at least {MinimumRows} are needed to train and to judge a model."));
        }

        target = target.Select(rows);
        var columns = new List<FeatureColumn>();
        var names = selection.Names.ToHashSet(StringComparer.Ordinal);
        foreach (var column in request.Features.Select(rows).Columns.Where(c => names.Contains(c.Name)))
        {
            if (column is NumberColumn numbers ? numbers.Values.Any(float.IsFinite) : ((TextColumn)column).Values.Any(v => v.Length > 0))
                columns.Add(column);
            else
                notes.Add($"'{column.Name}' was left out: it has no values.");
        }

        return columns.Count > 0
            ? (new FeatureTable(rows.Length, columns), target, rows, notes)
            : throw new TrainingException(
                "No usable features",
                $"No column but '{request.Target.Name}' can be learned from. {string.Join(' ', notes)}");
    }

    private static JsonElement Json(double value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);

    private sealed record Candidate(string Trainer, TrainedModel Trained, ModelProto Model, ModelMetrics Metrics, IReadOnlyList<string> Notes, double Score);
}
