using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Runtime;
using AIaaS.Learning.Trainers;

namespace AIaaS.Benchmarks.Learning;

/// <summary>
/// A linear model of texts by TF-IDF of words and pairs of words, ours against scikit-learn's on the same texts, each in a process of its own by
/// turns: CPU time from texts to a trained model on one thread, area under the ROC curve on other texts, peak memory.
/// </summary>
internal sealed class TextBenchmark : IBenchmark
{
    private const string FolderVariable = "AIAAS_BENCHMARK_FOLDER";
    private const int Rows = 20_000;
    private const int TestRows = 5_000;
    private const int Words = 30_000;
    private const int Turns = 3;
    private const double Aim = 1;
    private const double AreaTolerance = 0.002;

    public string Name => "text";

    public string Description => "20,000 texts to a linear model by TF-IDF, against scikit-learn, one thread";

    public async Task<BenchmarkOutcome> RunAsync(CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable(FolderVariable) is { } given)
            return Work(given);

        var folder = Directory.CreateTempSubdirectory("text-benchmark-").FullName;
        try
        {
            Generate(folder);
            var (theirs, ours) = (new List<Cost>(), new List<Cost>());
            for (var turn = 0; turn < Turns; turn++)
            {
                ours.Add(await OwnProcess.RunAsync<Cost>(Name, FolderVariable, folder, cancellationToken));
                theirs.Add(await Python.RunAsync<Cost>("text", "text.py", [folder, $"{ours[0].Terms}"], cancellationToken));
            }

            var truth = Classes(folder, "test").Select(y => y == 1).ToArray();
            var areas = new[] { "sklearn", "ours" }.ToDictionary(side => side, side => ClassificationMetrics.Auc(truth, Read(folder, "p." + side))!.Value);
            foreach (var (side, costs) in new[] { ("sklearn", theirs), ("ours", ours) })
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"  {side,-8} {costs.Min(c => c.Seconds):F2} s CPU to train, {costs.Min(c => c.PredictSeconds):F2} s for {TestRows:N0} predictions, {costs[0].Terms:N0} terms, AUC {areas[side]:F4}, peak memory {costs.Max(c => c.PeakBytes) >> 20} MiB"));
            }

            var speed = theirs.Min(c => c.Seconds) / ours.Min(c => c.Seconds);
            var behind = areas["sklearn"] - areas["ours"];
            return new BenchmarkOutcome(
                string.Create(CultureInfo.InvariantCulture, $"{speed:F2}× scikit-learn's speed, AUC {-behind:+0.0000;-0.0000}"),
                string.Create(CultureInfo.InvariantCulture, $"≥ {Aim}×, AUC within {AreaTolerance}"),
                speed >= Aim && behind <= AreaTolerance);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Words as often as their rank says (Zipf), of which some lean to one class.</summary>
    private static void Generate(string folder)
    {
        var random = new Random(1);
        var words = Enumerable.Range(0, Words).Select(i => Word(i)).ToArray();
        var sums = new double[Words];
        var leaning = new double[Words];
        for (var i = 0; i < Words; i++)
        {
            sums[i] = (i > 0 ? sums[i - 1] : 0) + (1.0 / (i + 10));
            leaning[i] = i > 50 && random.NextDouble() < 0.15 ? 0.35 * (random.NextDouble() - 0.5) : 0;
        }

        foreach (var (name, rows) in new[] { ("train", Rows), ("test", TestRows) })
        {
            using var texts = new StreamWriter(Path.Combine(folder, name + ".txt"));
            using var classes = new StreamWriter(Path.Combine(folder, name + ".y"));
            for (var row = 0; row < rows; row++)
            {
                var y = random.Next(2);
                var length = 40 + random.Next(160);
                for (var at = 0; at < length;)
                {
                    var found = Array.BinarySearch(sums, random.NextDouble() * sums[^1]);
                    var word = Math.Min(found < 0 ? ~found : found, Words - 1);
                    // What leans to the other class is passed over more often.
                    if (random.NextDouble() > 0.5 + (y == 1 ? leaning[word] : -leaning[word]))
                        continue;
                    texts.Write(at == 0 ? Capital(words[word]) : words[word]);
                    texts.Write(at % 12 == 11 ? ". " : " ");
                    at++;
                }

                texts.Write('\n');
                classes.Write(y);
                classes.Write('\n');
            }
        }

        static string Word(int number)
        {
            const string syllables = "bacodufegahijokulamenipoqurasitovuwaxeyizo";
            var word = "";
            for (var left = number + 21; left > 0; left /= 21)
                word += syllables.Substring(left % 21 * 2, 2);
            return word;
        }

        static string Capital(string word) => char.ToUpperInvariant(word[0]) + word[1..];
    }

    private static string[] Texts(string folder, string name) => File.ReadAllLines(Path.Combine(folder, name + ".txt"));

    private static int[] Classes(string folder, string name) => [.. File.ReadLines(Path.Combine(folder, name + ".y")).Select(line => line[0] - '0')];

    private static float[] Read(string folder, string name) => MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Path.Combine(folder, name))).ToArray();

    /// <summary>Our side, in this child process: prints what it took.</summary>
    private static BenchmarkOutcome Work(string folder)
    {
        var training = Table(Texts(folder, "train"));
        var test = Table(Texts(folder, "test"));
        var target = new ClassTarget(Classes(folder, "train"), 2);
        var inputs = FeatureInput.For(training);
        using var process = Process.GetCurrentProcess();
        var began = process.TotalProcessorTime;
        var (pipeline, features) = FeaturePipeline.FitTransform(training, inputs, [new TextEncoder()], new(target, Seed: 1), components: null, CancellationToken.None);
        var trained = new LinearTrainer(TimeProvider.System).Train(
            new TrainerInput
            {
                Features = features,
                Rows = training.Rows,
                Width = pipeline.Width,
                Slots = pipeline.Slots,
                Target = target,
                Seed = 1,
                Threads = 1,
                CheckpointFolder = Path.Combine(folder, $"checkpoints-{Environment.ProcessId}"),
                Report = (_, _) => { },
            },
            CancellationToken.None);
        process.Refresh();
        var seconds = (process.TotalProcessorTime - began).TotalSeconds;

        began = process.TotalProcessorTime;
        var graph = new GraphBuilder("texts");
        graph.Output("p", trained.Build(pipeline.Build(FeaturePipeline.AddInputs(graph, inputs))));
        using var session = Sessions.Create(graph.ToModel());
        var p = TableFeed.Run(session, [.. inputs.Select(input => input.Input)], test, "p", 2, CancellationToken.None);
        process.Refresh();
        var predicting = (process.TotalProcessorTime - began).TotalSeconds;
        File.WriteAllBytes(Path.Combine(folder, "p.ours"), MemoryMarshal.AsBytes<float>(ClassificationMetrics.Column(p, 2, 1)));
        Console.WriteLine(JsonSerializer.Serialize(new Cost(seconds, predicting, pipeline.Width, process.PeakWorkingSet64), JsonSerializerOptions.Web));
        Environment.Exit(0);
        throw new UnreachableException();
    }

    private static FeatureTable Table(string[] texts) => new(texts.Length, [new TextColumn("text", ColumnKind.Text, texts)]);

    private sealed record Cost(double Seconds, double PredictSeconds, int Terms, long PeakBytes);
}
