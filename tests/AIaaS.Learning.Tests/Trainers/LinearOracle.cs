using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using AIaaS.Learning.Features;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Tests.Trainers;

/// <summary>Trainings that scikit-learn 1.2.1 did as well, recorded by <c>tests/oracles/linear/figures.py</c>, which says how its hyperparameters follow from ours.</summary>
internal sealed class LinearOracle
{
    private const int GeneratedRows = 200;
    private const int GeneratedWidth = 4;

    private static readonly Dictionary<string, JsonElement> Recorded =
        JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "oracles", "linear", "figures.json")))!;

    private LinearOracle(JsonElement recorded)
    {
        (Features, Width, Target) = Table(recorded.GetProperty("table").GetString()!);
        Trainer = recorded.GetProperty("trainer").GetString()!;
        Hyperparameters = new(recorded.GetProperty("hyperparameters").Deserialize<Dictionary<string, JsonElement>>()!);
        Weights = WeightsOf(recorded.GetProperty("weights").GetString()!, Target, Rows);
        Coefficients = recorded.GetProperty("coefficients").Deserialize<double[]>()!;
        Intercept = recorded.GetProperty("intercept").Deserialize<double[]>()!;
        Results = recorded.GetProperty("results").Deserialize<double[]>()!;
    }

    public float[] Features { get; }

    public int Width { get; }

    public int Rows => Features.Length / Width;

    public TrainerTarget Target { get; }

    public float[]? Weights { get; }

    public string Trainer { get; }

    public Hyperparameters Hyperparameters { get; }

    /// <summary>Feature after feature, a number for each score; of two classes there is one.</summary>
    public double[] Coefficients { get; }

    public double[] Intercept { get; }

    /// <summary>Probabilities or values of the first rows.</summary>
    public double[] Results { get; }

    public static LinearOracle Read(string name) => new(Recorded[name]);

    public TrainerInput Input(string checkpoints) => new()
    {
        Features = Features,
        Rows = Rows,
        Width = Width,
        Slots = [.. Enumerable.Range(0, Width).Select(i => new FeatureSlot($"x{i}", $"x{i}"))],
        Target = Target,
        Weights = Weights,
        Hyperparameters = Hyperparameters,
        Seed = 1,
        Threads = 1,
        CheckpointFolder = checkpoints,
        Report = (_, _) => { },
    };

    private static (float[] Features, int Width, TrainerTarget Target) Table(string name)
    {
        switch (name)
        {
            case "wave-two":
                return (Generated(), GeneratedWidth, new ClassTarget([.. Rows(row => Score(row) > 0 ? 1 : 0)], 2));
            case "wave-three":
                return (Generated(), GeneratedWidth, new ClassTarget([.. Rows(row => Score(row) < -0.6 ? 0 : Score(row) < 0.6 ? 1 : 2)], 3));
            case "wave-number":
                return (Generated(), GeneratedWidth, new NumberTarget([.. Rows(row => 100 + (20 * Wave(row, 0)) - (7 * Wave(row, 2)) + (3 * TableBuilder.Wave(row, 11)))]));
            default:
                var (features, width, targets) = Stored(name);
                return (features, width, name == "diabetes" ? new NumberTarget(targets) : new ClassTarget(Array.ConvertAll(targets, v => (int)v), (int)targets.Max() + 1));
        }

        static float[] Generated() => [.. Enumerable.Range(0, GeneratedRows * GeneratedWidth).Select(i => (float)TableBuilder.Wave(i / GeneratedWidth, i % GeneratedWidth))];

        static IEnumerable<T> Rows<T>(Func<int, T> value) => Enumerable.Range(0, GeneratedRows).Select(value);

        static double Score(int row) => (1.5 * Wave(row, 0)) - Wave(row, 1) + (0.5 * TableBuilder.Wave(row, 11));

        static double Wave(int row, int column) => (float)TableBuilder.Wave(row, column);
    }

    /// <summary>A table of <c>tests/oracles</c>, its features standardized.</summary>
    private static (float[] Features, int Width, double[] Targets) Stored(string name)
    {
        var folder = name == "diabetes" ? "linear" : "neural_network";
        using var reader = new StreamReader(new GZipStream(File.OpenRead(Path.Combine(AppContext.BaseDirectory, "oracles", folder, name + ".csv.gz")), CompressionMode.Decompress));
        var table = reader.ReadToEnd().Trim().Split('\n').Select(line => Array.ConvertAll(line.Split(','), f => double.Parse(f, CultureInfo.InvariantCulture))).ToArray();
        var width = table[0].Length - 1;
        var features = new float[table.Length * width];
        for (var column = 0; column < width; column++)
        {
            var mean = table.Average(row => row[column]);
            var deviation = Math.Sqrt(table.Average(row => (row[column] - mean) * (row[column] - mean)));
            for (var row = 0; row < table.Length; row++)
                features[(row * width) + column] = (float)((table[row][column] - mean) / deviation);
        }

        return (features, width, Array.ConvertAll(table, row => row[width]));
    }

    private static float[]? WeightsOf(string kind, TrainerTarget target, int rows)
    {
        if (kind == "none")
            return null;
        var weights = kind == "rows"
            ? Enumerable.Range(0, rows).Select(row => 1.5 + TableBuilder.Wave(row, 7)).ToArray()
            : ((ClassTarget)target).Rows.Select(own => 1.0 / ((ClassTarget)target).Rows.Count(other => other == own)).ToArray();
        var mean = weights.Average();
        return Array.ConvertAll(weights, weight => (float)(weight / mean));
    }
}
