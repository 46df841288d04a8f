using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Runtime;
using AIaaS.Learning.Trainers;
using AIaaS.Learning.Training;
using AIaaS.Learning.Training.Optimizers;

namespace AIaaS.Benchmarks.Learning;

/// <summary>
/// One training step of a multilayer perceptron (softmax, Adam), our graph in ONNX Runtime against PyTorch, with the same weights and
/// batches, each in a process of its own by turns. On one thread, or on the GPU with <c>--device cuda</c>.
/// </summary>
internal sealed class MlpStepBenchmark : IBenchmark
{
    private const string FolderVariable = "AIAAS_BENCHMARK_FOLDER";
    private const string Cuda = "cuda";
    private const int Turns = 5;
    private const double Aim = 1.5;
    private const double LossTolerance = 1e-5;

    // The first decides; the second is so wide that both do little but multiply matrices.
    private static readonly NetworkShape[] Shapes =
    [
        new() { Widths = [100, 128, 128, 10], Rows = 128, Steps = 200 },
        new() { Widths = [512, 1024, 1024, 10], Rows = 256, Steps = 8, Rate = 3e-5 },
    ];

    private static readonly string Device = Environment.GetEnvironmentVariable(ComputeDevices.Variable) is Cuda ? Cuda : "cpu";

    public string Name => "mlp-step";

    public string Description => "a training step of a multilayer perceptron against PyTorch, one thread; or --device cuda";

    public async Task<BenchmarkOutcome> RunAsync(CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable(FolderVariable) is { } given)
            return Work(given);

        var ratios = new List<double>();
        var agree = true;
        foreach (var shape in Shapes)
        {
            var folder = Directory.CreateTempSubdirectory("mlp-step-benchmark-").FullName;
            try
            {
                shape.Write(folder);
                var (ours, theirs) = (new List<Cost>(), new List<Cost>());
                for (var turn = 0; turn < Turns; turn++)
                {
                    theirs.Add(await Python.RunAsync<Cost>("pytorch", "mlp_step.py", [folder, Device], cancellationToken));
                    ours.Add(await MeasureAsync(folder, cancellationToken));
                }

                var difference = ours[0].Losses.Zip(theirs[0].Losses, (a, b) => Math.Abs(a - b)).Max();
                var ratio = theirs.Min(c => c.Best) / ours.Min(c => c.Best);
                agree &= difference <= LossTolerance;
                ratios.Add(ratio);
                Console.WriteLine($"{string.Join('-', shape.Widths)}, batches of {shape.Rows}, Adam, {Device}");
                Print("PyTorch", theirs);
                Print("ours", ours);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"  losses of the first {ours[0].Losses.Length} steps: from {ours[0].Losses[0]:F5} and {theirs[0].Losses[0]:F5} to {ours[0].Losses[^1]:F5} and {theirs[0].Losses[^1]:F5}, at most {difference:G2} apart"));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {ratio:F2}× PyTorch's speed"));
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        if (Device == Cuda)
            CompareTrainings(cancellationToken);
        return new BenchmarkOutcome(
            string.Create(CultureInfo.InvariantCulture, $"{ratios[0]:F2}× PyTorch's speed{(agree ? "" : ", with other losses")}"),
            string.Create(CultureInfo.InvariantCulture, $"≥ {Aim}×, losses within {LossTolerance:G1}"),
            agree && ratios[0] >= Aim);
    }

    /// <summary>A whole training with validation rows and weights that come back, on the GPU and on all cores of the processor.</summary>
    private static void CompareTrainings(CancellationToken cancellationToken)
    {
        const int rows = 50_000, width = 30, validation = 5_000;
        var generator = new CounterGenerator(seed: 2, stream: 0);
        var features = Enumerable.Range(0, (rows + validation) * width).Select(i => (float)((4 * generator.Uniform(i)) - 2)).ToArray();
        var targets = Enumerable.Range(0, rows + validation).Select(row =>
        {
            var x = features.AsSpan(row * width, width);
            return Math.Sin(x[0] * x[1]) + (x[2] * x[3]) + x[4];
        }).ToArray();
        foreach (var device in (string[])[Cuda, "cpu"])
        {
            var losses = new List<double>();
            var folder = Directory.CreateTempSubdirectory("mlp-step-benchmark-").FullName;
            var began = Stopwatch.GetTimestamp();
            new NeuralNetworkTrainer(TimeProvider.System) { Device = device }.Train(
                new TrainerInput
                {
                    Features = features[..(rows * width)],
                    Rows = rows,
                    Width = width,
                    Slots = [.. Enumerable.Range(0, width).Select(i => new FeatureSlot($"x{i}", $"x{i}"))],
                    Target = new NumberTarget(targets[..rows]),
                    Validation = new TrainerRows { Features = features[(rows * width)..], Rows = validation, Target = new NumberTarget(targets[rows..]) },
                    Hyperparameters = new(new Dictionary<string, JsonElement>
                    {
                        ["width"] = JsonSerializer.SerializeToElement(1024),
                        ["batch-size"] = JsonSerializer.SerializeToElement(512),
                        ["epochs"] = JsonSerializer.SerializeToElement(2),
                    }),
                    Seed = 1,
                    Threads = Environment.ProcessorCount,
                    CheckpointFolder = folder,
                    Report = (_, _) => { },
                    OnEvaluation = point =>
                    {
                        losses.Add(point.Value);
                        return true;
                    },
                },
                cancellationToken);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"two epochs of 50,000 rows, 1024 units wide, on {device}: {Stopwatch.GetElapsedTime(began).TotalSeconds:F2} s, errors {string.Join(" and ", losses.Select(l => l.ToString("F4", CultureInfo.InvariantCulture)))}"));
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Print(string side, List<Cost> costs) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"  {side,-8} {costs.Min(c => c.Best) * 1e6:F0} µs a step (median {costs.SelectMany(c => c.Seconds).Order().ElementAt(costs.Sum(c => c.Seconds.Length) / 2) * 1e6:F0}), peak memory {costs.Max(c => c.PeakBytes) >> 20} MiB"));

    private static async Task<Cost> MeasureAsync(string folder, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardOutput = true,
            Environment = { [FolderVariable] = folder },
        };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
            start.ArgumentList.Add(typeof(MlpStepBenchmark).Assembly.Location);
        start.ArgumentList.Add("mlp-step");
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? JsonSerializer.Deserialize<Cost>(output.Trim().Split('\n')[^1], JsonSerializerOptions.Web)!
            : throw new InvalidOperationException($"Our side failed: {output}");
    }

    /// <summary>Our side, in this child process: prints what it took.</summary>
    private static BenchmarkOutcome Work(string folder)
    {
        var shape = NetworkShape.Read(folder);
        var numbers = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Path.Combine(folder, NetworkShape.NumbersFile))).ToArray();
        var position = 0;
        var (device, note) = ComputeDevices.Choose(Device, multiplications: 0);
        if (note is not null)
            throw new InvalidOperationException(note);

        var step = new TrainingStep("mlp") { MeasuresGradient = false };
        var (classes, features) = (shape.Widths[^1], shape.Widths[0]);
        var x = step.Data("features", [shape.Rows, features]);
        var targets = step.Data("targets", [shape.Rows, classes]);
        for (var layer = 1; layer < shape.Widths.Length; layer++)
        {
            var (inputs, outputs) = (shape.Widths[layer - 1], shape.Widths[layer]);
            x = x.Gemm(step.Parameter($"weights_{layer}", Take(inputs * outputs), inputs, outputs), step.Parameter($"bias_{layer}", Take(outputs), outputs));
            if (layer < shape.Widths.Length - 1)
                x = x.Relu();
        }

        step.Minimize(-(targets * x.LogSoftmax()).ReduceSum([1]).ReduceMean(), new Adam());
        var batches = Enumerable.Range(0, shape.Batches)
            .Select(_ => (Features: Take(shape.Rows * features), Classes: Array.ConvertAll(Take(shape.Rows), c => (int)c))).ToArray();
        using var session = new TrainingSession(
            step,
            new Dictionary<string, (float[], long[])>
            {
                ["features"] = (new float[shape.Rows * features], [shape.Rows, features]),
                ["targets"] = (new float[shape.Rows * classes], [shape.Rows, classes]),
                [TrainingStep.LearningRateInput] = ([(float)shape.Rate], []),
            },
            shape.Threads,
            device);

        var done = 0;
        var losses = Enumerable.Range(0, shape.WarmUp).Select(_ => (double)Step()).ToArray();
        var seconds = new double[shape.Rounds];
        for (var round = 0; round < seconds.Length; round++)
        {
            var began = Stopwatch.GetTimestamp();
            for (var i = 0; i < shape.Steps; i++)
                Step();
            seconds[round] = Stopwatch.GetElapsedTime(began).TotalSeconds / shape.Steps;
        }

        using var process = Process.GetCurrentProcess();
        Console.WriteLine(JsonSerializer.Serialize(new Cost(losses, seconds, process.PeakWorkingSet64), JsonSerializerOptions.Web));
        Environment.Exit(0);
        throw new InvalidOperationException("The process has ended.");

        float Step()
        {
            var batch = batches[done++ % batches.Length];
            batch.Features.CopyTo(session.Rewrite("features"));
            var oneHot = session.Rewrite("targets");
            oneHot.Clear();
            foreach (var (row, label) in batch.Classes.Index())
                oneHot[(row * classes) + label] = 1;
            return session.Step().Loss;
        }

        float[] Take(int count)
        {
            position += count;
            return numbers[(position - count)..position];
        }
    }

    /// <param name="Losses">Before each of the first steps.</param>
    /// <param name="Seconds">A step, for each round.</param>
    /// <param name="PeakBytes">Most memory the process held.</param>
    private sealed record Cost(double[] Losses, double[] Seconds, long PeakBytes)
    {
        public double Best => Seconds.Min();
    }

    /// <summary>A network and its batches, written for both sides.</summary>
    private sealed record NetworkShape
    {
        public const string NumbersFile = "numbers.bin";
        private const string ShapeFile = "shape.json";

        /// <summary>Features, hidden layers, classes.</summary>
        public required int[] Widths { get; init; }

        /// <summary>Of a batch.</summary>
        public required int Rows { get; init; }

        /// <summary>Of a round.</summary>
        public required int Steps { get; init; }

        public int Batches { get; init; } = 16;

        public int Rounds { get; init; } = 5;

        /// <summary>Steps before the first round, whose losses are compared.</summary>
        public int WarmUp { get; init; } = 50;

        public double Rate { get; init; } = 1e-3;

        public int Threads { get; init; } = 1;

        public static NetworkShape Read(string folder) =>
            JsonSerializer.Deserialize<NetworkShape>(File.ReadAllBytes(Path.Combine(folder, ShapeFile)), JsonSerializerOptions.Web)!;

        public void Write(string folder)
        {
            File.WriteAllBytes(Path.Combine(folder, ShapeFile), JsonSerializer.SerializeToUtf8Bytes(this, JsonSerializerOptions.Web));
            using var numbers = new BinaryWriter(File.Create(Path.Combine(folder, NumbersFile)));
            var generator = new CounterGenerator(seed: 1, stream: 0);
            long counter = 0;
            for (var layer = 1; layer < Widths.Length; layer++)
            {
                var bound = 1 / Math.Sqrt(Widths[layer - 1]);
                for (var i = 0; i < (Widths[layer - 1] + 1) * Widths[layer]; i++)
                    numbers.Write((float)(Next() * bound));
            }

            for (var batch = 0; batch < Batches; batch++)
            {
                for (var i = 0; i < Rows * Widths[0]; i++)
                    numbers.Write((float)Next());
                for (var row = 0; row < Rows; row++)
                    numbers.Write((float)(int)((Next() + 1) / 2 * Widths[^1]));
            }

            double Next() => (2 * generator.Uniform(counter++)) - 1;
        }
    }
}
