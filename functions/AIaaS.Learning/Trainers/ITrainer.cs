using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;

namespace AIaaS.Learning.Trainers;

/// <summary>A way to learn a model. Another trainer is another implementation and a line in <see cref="TrainerRegistry"/>.</summary>
internal interface ITrainer
{
    /// <summary>As in a pipeline's <c>trainers</c>.</summary>
    string Name { get; }

    bool Supports(LearningTask task);

    /// <summary>What a sweep tries, by hyperparameter, the most important ones first; the defaults together are a sound first trial.</summary>
    /// <param name="task">What is to be learned.</param>
    /// <param name="rows">Rows to be trained on.</param>
    IReadOnlyDictionary<string, HyperparameterRange> Space(LearningTask task, int rows);

    /// <summary>How it wants raw columns turned into numbers; the first that accepts a column gets it.</summary>
    IReadOnlyList<IFeatureEncoder> Encoders(Hyperparameters hyperparameters);

    /// <summary>Whether it learns step by step, so that <see cref="TrainerInput.Budget"/> shortens it; else fewer rows do.</summary>
    bool LearnsInSteps => false;

    /// <exception cref="TrainingException">The data does not allow it.</exception>
    /// <exception cref="OperationCanceledException">Left after a checkpoint.</exception>
    TrainedModel Train(TrainerInput input, CancellationToken cancellationToken);
}

/// <summary>Rows after the feature graph.</summary>
internal sealed record TrainerRows
{
    /// <summary>Row after row of <see cref="TrainerInput.Width"/> numbers.</summary>
    public required float[] Features { get; init; }

    public required int Rows { get; init; }

    public required TrainerTarget Target { get; init; }
}

/// <summary>Training rows after the feature graph, and where to work.</summary>
internal sealed record TrainerInput
{
    /// <summary>Row after row of <see cref="Width"/> numbers.</summary>
    public required float[] Features { get; init; }

    public required int Rows { get; init; }

    public required int Width { get; init; }

    /// <summary>What each of the <see cref="Width"/> numbers is.</summary>
    public required IReadOnlyList<FeatureSlot> Slots { get; init; }

    public required TrainerTarget Target { get; init; }

    /// <summary>How much each row counts, above 0, mean 1; null where all count the same. Class weights are in it.</summary>
    public float[]? Weights { get; init; }

    /// <summary>Rows to judge by on the way: for early stopping and <see cref="OnEvaluation"/>; null trains to the end.</summary>
    public TrainerRows? Validation { get; init; }

    /// <summary>Values that were asked for; what is absent has the trainer's default.</summary>
    public Hyperparameters Hyperparameters { get; init; } = Hyperparameters.None;

    /// <summary>Share of the full effort, above 0 to 1: of the iterations a trainer would do at most.</summary>
    public double Budget { get; init; } = 1;

    public required long Seed { get; init; }

    /// <summary>Threads it may use at most; the result is the same bit for bit only with the same number.</summary>
    public required int Threads { get; init; }

    public required string CheckpointFolder { get; init; }

    /// <summary>Is told percent of this training and values such as the loss.</summary>
    public required Action<double, IReadOnlyDictionary<string, JsonElement>> Report { get; init; }

    /// <summary>
    /// Is told the loss on <see cref="Validation"/> after shares of the full effort, by trainers that learn step by step;
    /// false ends the training there, with what it has learned so far.
    /// </summary>
    public Func<TrialPoint, bool>? OnEvaluation { get; init; }
}

/// <summary>What training rows should give.</summary>
internal abstract record TrainerTarget;

/// <param name="Rows">A class number for each row.</param>
/// <param name="Count">Number of classes.</param>
internal sealed record ClassTarget(int[] Rows, int Count) : TrainerTarget;

/// <param name="Rows">A number for each row.</param>
internal sealed record NumberTarget(double[] Rows) : TrainerTarget;

/// <summary>What a trainer learned, as operators.</summary>
internal sealed record TrainedModel
{
    /// <summary>From features [rows, width] to probabilities [rows, classes], or to values [rows] for a regression.</summary>
    public required Func<Value, Value> Build { get; init; }

    /// <summary>All hyperparameters as used, defaults included.</summary>
    public required IReadOnlyDictionary<string, JsonElement> Hyperparameters { get; init; }

    /// <summary>Hyperparameters that a training without validation rows takes instead, to learn as much as this one did: the best number of iterations.</summary>
    public IReadOnlyDictionary<string, double> Refit { get; init; } = new Dictionary<string, double>();

    public IReadOnlyList<string> Notes { get; init; } = [];
}
