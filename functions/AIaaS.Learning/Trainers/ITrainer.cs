using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;

namespace AIaaS.Learning.Trainers;

/// <summary>A way to learn a model. Another trainer is another implementation and a line in <see cref="TrainingRun"/>.</summary>
internal interface ITrainer
{
    /// <summary>As in a pipeline's <c>trainers</c>.</summary>
    string Name { get; }

    bool Supports(LearningTask task);

    /// <summary>How it wants raw columns turned into numbers; the first that accepts a column gets it.</summary>
    IReadOnlyList<IFeatureEncoder> Encoders { get; }

    /// <exception cref="TrainingException">The data does not allow it.</exception>
    /// <exception cref="OperationCanceledException">Left after a checkpoint.</exception>
    TrainedModel Train(TrainerInput input, CancellationToken cancellationToken);
}

/// <summary>Training rows after the feature graph, and where to work.</summary>
internal sealed record TrainerInput
{
    /// <summary>Row after row of <see cref="Width"/> numbers.</summary>
    public required float[] Features { get; init; }

    public required int Rows { get; init; }

    public required int Width { get; init; }

    public required TrainerTarget Target { get; init; }

    public required long Seed { get; init; }

    /// <summary>Threads it may use at most.</summary>
    public required int Threads { get; init; }

    public required string CheckpointFolder { get; init; }

    /// <summary>Is told percent of this training and values such as the loss.</summary>
    public required Action<double, IReadOnlyDictionary<string, JsonElement>> Report { get; init; }
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

    public required IReadOnlyDictionary<string, JsonElement> Hyperparameters { get; init; }

    public IReadOnlyList<string> Notes { get; init; } = [];
}
