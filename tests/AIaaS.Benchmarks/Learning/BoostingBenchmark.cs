using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Runtime;
using AIaaS.Learning.Trainers;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Benchmarks.Learning;

/// <summary>
/// Gradient boosting of 100 trees of 31 leaves on one thread, ours against scikit-learn and XGBoost on the same rows, each in a process of its own by
/// turns: CPU time of the training, area under the ROC curve on other rows, peak memory.
/// </summary>
internal sealed class BoostingBenchmark : IBenchmark
{
    private const string FolderVariable = "AIAAS_BENCHMARK_FOLDER";
    private const int Features = 28;
    private const int Trees = 100;
    private const int Leaves = 31;
    private const int TestRows = 50_000;
    private const int Turns = 3;
    private const double Aim = 1.5;
    private const double AreaTolerance = 0.002;

    /// <summary>The first decides.</summary>
    private static readonly int[] Sizes = [100_000, 10_000, 500_000];

    public string Name => "boosting";

    public string Description => "100 boosted trees of 31 leaves against scikit-learn and XGBoost, one thread";

    public async Task<BenchmarkOutcome> RunAsync(CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable(FolderVariable) is { } given)
            return Work(given);

        BenchmarkOutcome? outcome = null;
        foreach (var rows in Sizes)
        {
            var folder = Directory.CreateTempSubdirectory("boosting-benchmark-").FullName;
            try
            {
                Generate(folder, rows);
                var sides = new[] { "sklearn", "xgboost", "ours" }.ToDictionary(side => side, _ => new List<Cost>());
                for (var turn = 0; turn < (rows > 100_000 ? 1 : Turns); turn++)
                {
                    foreach (var (side, costs) in sides)
                        costs.Add(side == "ours" ? await OwnProcess.RunAsync<Cost>(Name, FolderVariable, folder, cancellationToken) : await Python.RunAsync<Cost>("boosting", "boosting.py", [folder, side, $"{Trees}", $"{Leaves}"], cancellationToken));
                }

                Console.WriteLine($"{rows:N0} rows of {Features} numbers");
                var truth = Array.ConvertAll(Read(folder, "test.y"), y => y > 0.5f);
                var areas = sides.Keys.ToDictionary(side => side, side => ClassificationMetrics.Auc(truth, Read(folder, "p." + side))!.Value);
                foreach (var (side, costs) in sides)
                {
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"  {side,-8} {costs.Min(c => c.Seconds):F2} s CPU, AUC {areas[side]:F4}, peak memory {costs.Max(c => c.PeakBytes) >> 20} MiB"));
                }

                var ratio = sides["ours"].Min(c => c.Seconds) / Math.Min(sides["sklearn"].Min(c => c.Seconds), sides["xgboost"].Min(c => c.Seconds));
                var behind = Math.Max(areas["sklearn"], areas["xgboost"]) - areas["ours"];
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {ratio:F2}× the faster peer's CPU time"));
                outcome ??= new BenchmarkOutcome(
                    string.Create(CultureInfo.InvariantCulture, $"{ratio:F2}× the faster peer's CPU time, AUC {(behind > 0 ? -behind : Math.Abs(behind)):+0.0000;-0.0000}"),
                    string.Create(CultureInfo.InvariantCulture, $"≤ {Aim}×, AUC within {AreaTolerance}"),
                    ratio <= Aim && behind <= AreaTolerance);
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        return outcome!;
    }

    /// <summary>Numbers whose products, squares and thresholds decide, with noise: about as hard as the peers' own examples.</summary>
    private static void Generate(string folder, int rows)
    {
        var random = new Random(1);
        File.WriteAllText(Path.Combine(folder, "features.txt"), Features.ToString(CultureInfo.InvariantCulture));
        foreach (var (name, count) in new[] { ("train", rows), ("test", TestRows) })
        {
            var (x, y) = (new float[count * Features], new float[count]);
            for (var row = 0; row < count; row++)
            {
                var own = x.AsSpan(row * Features, Features);
                for (var i = 0; i < Features; i++)
                    own[i] = (float)Normal(random);
                var score = own[0] - (0.7 * own[1]) + (own[2] * own[3]) + (0.5 * own[4] * own[4]) - 0.5 + (own[5] > 0.5 ? own[6] : -own[7])
                    + Math.Sin(2 * own[8]) + (0.3 * own[9] * own[10] * own[11]);
                y[row] = random.NextDouble() < 1 / (1 + Math.Exp(-score)) ? 1 : 0;
            }

            Write(name + ".x", x);
            Write(name + ".y", y);
        }

        void Write(string name, float[] numbers) => File.WriteAllBytes(Path.Combine(folder, name), MemoryMarshal.AsBytes<float>(numbers));
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private static float[] Read(string folder, string name) => MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Path.Combine(folder, name))).ToArray();

    /// <summary>Our side, in this child process: prints what it took.</summary>
    private static BenchmarkOutcome Work(string folder)
    {
        var (x, y) = (Read(folder, "train.x"), Read(folder, "train.y"));
        using var process = Process.GetCurrentProcess();
        var before = process.TotalProcessorTime;
        var trained = new GradientBoostingTrainer(TimeProvider.System).Train(
            new TrainerInput
            {
                Features = x,
                Rows = y.Length,
                Width = Features,
                Slots = [.. Enumerable.Range(0, Features).Select(i => new FeatureSlot($"x{i}", $"x{i}"))],
                Target = new ClassTarget(Array.ConvertAll(y, value => (int)value), 2),
                Hyperparameters = new Hyperparameters(new Dictionary<string, JsonElement>
                {
                    ["iterations"] = JsonSerializer.SerializeToElement(Trees),
                    ["leaves"] = JsonSerializer.SerializeToElement(Leaves),
                    ["learning-rate"] = JsonSerializer.SerializeToElement(0.1),
                    ["min-rows-of-leaf"] = JsonSerializer.SerializeToElement(20),
                    ["l2"] = JsonSerializer.SerializeToElement(0),
                    ["row-share"] = JsonSerializer.SerializeToElement(1),
                    ["column-share"] = JsonSerializer.SerializeToElement(1),
                }),
                Seed = 1,
                Threads = 1,
                CheckpointFolder = Path.Combine(folder, "checkpoints"),
                Report = (_, _) => { },
            },
            CancellationToken.None);
        process.Refresh();
        var seconds = (process.TotalProcessorTime - before).TotalSeconds;

        var graph = new GraphBuilder("trees");
        graph.Output("p", trained.Build(graph.Input("x", TensorElementType.Float, ["rows", Features])));
        var test = Read(folder, "test.x");
        using var session = Sessions.Create(graph.ToModel());
        var p = MatrixFeed.Run(session, "x", test, test.Length / Features, Features, "p", 2);
        File.WriteAllBytes(Path.Combine(folder, "p.ours"), MemoryMarshal.AsBytes<float>(ClassificationMetrics.Column(p, 2, 1)));
        process.Refresh();
        Console.WriteLine(JsonSerializer.Serialize(new Cost(seconds, process.PeakWorkingSet64), JsonSerializerOptions.Web));
        Environment.Exit(0);
        throw new UnreachableException();
    }

    private sealed record Cost(double Seconds, long PeakBytes);
}
