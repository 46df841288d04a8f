using System.Globalization;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Networks;
using AIaaS.Learning.Training;
using AIaaS.Learning.Training.Optimizers;

namespace AIaaS.Learning.Trainers;

internal enum NetworkOptimizer
{
    AdamW,
    Adam,
    Sgd,
    Momentum,
    Nesterov,
    AdaGrad,
    RmsProp,
}

internal enum NetworkSchedule
{
    Cosine,
    Plateau,
    Constant,
}

/// <summary>Of a regression.</summary>
internal enum NetworkLoss
{
    Squared,

    /// <summary>Squared up to one standard deviation of the target, linear beyond it.</summary>
    Huber,
}

/// <summary>Hyperparameters as used.</summary>
internal sealed record NeuralNetworkSettings
{
    /// <summary>Share of the steps in which the rate rises.</summary>
    private const double WarmUpShare = 0.05;

    private const double UsualMomentum = 0.9;

    public required int Layers { get; init; }

    public required int Width { get; init; }

    public required Activation Activation { get; init; }

    public required double Dropout { get; init; }

    public required Normalization Normalization { get; init; }

    public required bool Residual { get; init; }

    public required NetworkOptimizer Optimizer { get; init; }

    public required NetworkSchedule Schedule { get; init; }

    public required double LearningRate { get; init; }

    /// <summary>Of AdamW apart from the gradient, of the others an L2 penalty.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>Of an L1 penalty.</summary>
    public required double L1 { get; init; }

    /// <summary>The largest norm of all gradients together; 0 for any.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>The largest element of any gradient; 0 for any.</summary>
    public required double GradientValue { get; init; }

    public required int BatchSize { get; init; }

    public required int Epochs { get; init; }

    public required NetworkLoss Loss { get; init; }

    public int Patience => Math.Max(10, Epochs / 4);

    public static NeuralNetworkSettings Default(int rows) => new()
    {
        Layers = 2,
        Width = rows < 2_000 ? 64 : rows < 50_000 ? 128 : 256,
        Activation = Activation.Relu,
        Dropout = 0.1,
        Normalization = Normalization.None,
        Residual = false,
        Optimizer = NetworkOptimizer.AdamW,
        Schedule = NetworkSchedule.Cosine,
        LearningRate = 3e-3,
        WeightDecay = rows < 1_000 ? 1 : rows < 50_000 ? 0.5 : 0.2,
        L1 = 0,
        GradientNorm = 1,
        GradientValue = 0,
        BatchSize = rows < 2_000 ? 32 : rows < 10_000 ? 64 : rows < 50_000 ? 128 : rows < 200_000 ? 256 : 512,
        Epochs = rows < 5_000 ? 50 : rows < 50_000 ? 30 : rows < 500_000 ? 15 : 8,
        Loss = NetworkLoss.Squared,
    };

    /// <exception cref="TrainingException">A value is out of range.</exception>
    public static NeuralNetworkSettings From(Hyperparameters given, int rows)
    {
        var initial = Default(rows);
        return new()
        {
            Layers = Within("layers", given.Integer("layers", initial.Layers), 1, 32),
            Width = Within("width", given.Integer("width", initial.Width), 1, 8192),
            Activation = Choice(given, "activation", initial.Activation),
            Dropout = Within("dropout", given.Number("dropout", initial.Dropout), 0, 0.95),
            Normalization = Choice(given, "normalization", initial.Normalization),
            Residual = given.Flag("residual", initial.Residual),
            Optimizer = Choice(given, "optimizer", initial.Optimizer),
            Schedule = Choice(given, "schedule", initial.Schedule),
            LearningRate = Within("learning-rate", given.Number("learning-rate", initial.LearningRate), 1e-9, 1e3),
            WeightDecay = Within("weight-decay", given.Number("weight-decay", initial.WeightDecay), 0, 1e3),
            L1 = Within("l1", given.Number("l1", initial.L1), 0, 1e3),
            GradientNorm = Within("gradient-norm", given.Number("gradient-norm", initial.GradientNorm), 0, 1e9),
            GradientValue = Within("gradient-value", given.Number("gradient-value", initial.GradientValue), 0, 1e9),
            BatchSize = Within("batch-size", given.Integer("batch-size", initial.BatchSize), 1, 1 << 20),
            Epochs = Within("epochs", given.Integer("epochs", initial.Epochs), 1, 1_000_000),
            Loss = Choice(given, "loss", initial.Loss),
        };
    }

    public IOptimizer CreateOptimizer()
    {
        IOptimizer optimizer = Optimizer switch
        {
            NetworkOptimizer.AdamW => new Adam { WeightDecay = WeightDecay, Decays = IsMatrix },
            NetworkOptimizer.Adam => new Adam(),
            NetworkOptimizer.Sgd => new GradientDescent(),
            NetworkOptimizer.Momentum => new GradientDescent { Momentum = UsualMomentum },
            NetworkOptimizer.Nesterov => new GradientDescent { Momentum = UsualMomentum, Nesterov = true },
            NetworkOptimizer.AdaGrad => new AdaptiveGradient { Epsilon = 1e-10 },
            NetworkOptimizer.RmsProp => new AdaptiveGradient { Decay = 0.99 },
            _ => throw new InvalidOperationException($"No optimizer {Optimizer}."),
        };
        var l2 = Optimizer == NetworkOptimizer.AdamW ? 0 : WeightDecay;
        if (l2 > 0 || L1 > 0)
            optimizer = new WeightPenalty(optimizer) { L1 = L1, L2 = l2, Penalizes = IsMatrix };
        return GradientNorm > 0 || GradientValue > 0
            ? new GradientClipping(optimizer) { Norm = GradientNorm > 0 ? GradientNorm : null, Value = GradientValue > 0 ? GradientValue : null }
            : optimizer;

        // Biases and scales are no measure of how complicated a network is.
        static bool IsMatrix(StepState parameter) => parameter.Dimensions.Length > 1;
    }

    /// <param name="steps">Of the whole training.</param>
    public LearningRateSchedule CreateSchedule(long steps)
    {
        var warmUp = (long)(steps * WarmUpShare);
        return LearningRateSchedule.WarmUp(warmUp, Schedule switch
        {
            NetworkSchedule.Cosine => LearningRateSchedule.Cosine(LearningRate, steps - warmUp),
            NetworkSchedule.Plateau => LearningRateSchedule.ReduceOnPlateau(LearningRate, factor: 0.3, patience: Patience / 4),
            NetworkSchedule.Constant => LearningRateSchedule.Constant(LearningRate),
            _ => throw new InvalidOperationException($"No schedule {Schedule}."),
        });
    }

    public Dictionary<string, JsonElement> ToJson(bool isRegression)
    {
        var values = new Dictionary<string, JsonElement>
        {
            ["layers"] = Json(Layers),
            ["width"] = Json(Width),
            ["activation"] = Json(NameOf(Activation)),
            ["dropout"] = Json(Dropout),
            ["normalization"] = Json(NameOf(Normalization)),
            ["residual"] = Json(Residual),
            ["optimizer"] = Json(NameOf(Optimizer)),
            ["schedule"] = Json(NameOf(Schedule)),
            ["learning-rate"] = Json(LearningRate),
            ["weight-decay"] = Json(WeightDecay),
            ["l1"] = Json(L1),
            ["gradient-norm"] = Json(GradientNorm),
            ["gradient-value"] = Json(GradientValue),
            ["batch-size"] = Json(BatchSize),
            ["epochs"] = Json(Epochs),
        };
        if (isRegression)
            values["loss"] = Json(NameOf(Loss));
        return values;
    }

    private static T Within<T>(string name, T value, T least, T most)
        where T : IComparable<T> =>
        value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0
            ? value
            : throw new TrainingException("A hyperparameter is out of range", string.Create(
                CultureInfo.InvariantCulture, $"The hyperparameter '{name}' is {value}; give a value from {least} to {most}."));

    private static T Choice<T>(Hyperparameters given, string name, T initial)
        where T : struct, Enum
    {
        var text = given.Text(name, NameOf(initial));
        foreach (var value in Enum.GetValues<T>())
        {
            if (NameOf(value) == text)
                return value;
        }

        throw new TrainingException(
            "A hyperparameter is out of range",
            $"The hyperparameter '{name}' is '{text}'; choose one of {string.Join(", ", Enum.GetValues<T>().Select(NameOf))}.");
    }

    private static string NameOf<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);
}
