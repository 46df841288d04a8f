using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Runtime;
using AIaaS.Learning.Training;
using AIaaS.Learning.Training.Optimizers;

namespace AIaaS.Benchmarks.Learning;

/// <summary>
/// A training step of a network (softmax, Adam), our graph in ONNX Runtime against PyTorch, with the same weights and batches, each in a
/// process of its own by turns. On one thread, or on the GPU with <c>--device cuda</c>.
/// </summary>
internal abstract class StepBenchmark<TShape> : IBenchmark
    where TShape : StepShape
{
    protected const string Cuda = "cuda";

    private const string FolderVariable = "AIAAS_BENCHMARK_FOLDER";
    private const int Turns = 5;

    protected static string Device { get; } = Environment.GetEnvironmentVariable(ComputeDevices.Variable) is Cuda ? Cuda : "cpu";

    public abstract string Name { get; }

    public abstract string Description { get; }

    /// <summary>The first decides.</summary>
    protected abstract IReadOnlyList<TShape> Shapes { get; }

    /// <summary>How many times as fast as PyTorch.</summary>
    protected abstract double Aim { get; }

    protected virtual double LossTolerance => 1e-5;

    protected abstract string Script { get; }

    /// <param name="features">Of shape [rows, features...].</param>
    /// <param name="weight">Takes the next weights, under a name and of a shape.</param>
    /// <returns>Scores of shape [rows, classes].</returns>
    protected abstract Value Build(TShape shape, Value features, Func<string, long[], Value> weight);

    public virtual async Task<BenchmarkOutcome> RunAsync(CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable(FolderVariable) is { } given)
            Work(given);

        var ratios = new List<double>();
        var agree = true;
        foreach (var shape in Shapes)
        {
            var folder = Directory.CreateTempSubdirectory(Name + "-benchmark-").FullName;
            try
            {
                shape.Write(folder);
                var (ours, theirs) = (new List<Cost>(), new List<Cost>());
                for (var turn = 0; turn < Turns; turn++)
                {
                    theirs.Add(await Python.RunAsync<Cost>("pytorch", Script, [folder, Device], cancellationToken));
                    ours.Add(await OwnProcess.RunAsync<Cost>(Name, FolderVariable, folder, cancellationToken));
                }

                var difference = ours[0].Losses.Zip(theirs[0].Losses, (a, b) => Math.Abs(a - b)).Max();
                var ratio = theirs.Min(c => c.Best) / ours.Min(c => c.Best);
                agree &= difference <= LossTolerance;
                ratios.Add(ratio);
                Console.WriteLine($"{shape}, batches of {shape.Rows}, Adam, {Device}");
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

        return new BenchmarkOutcome(
            string.Create(CultureInfo.InvariantCulture, $"{ratios[0]:F2}× PyTorch's speed{(agree ? "" : ", with other losses")}"),
            string.Create(CultureInfo.InvariantCulture, $"≥ {Aim}×, losses within {LossTolerance:G1}"),
            agree && ratios[0] >= Aim);
    }

    private static void Print(string side, List<Cost> costs) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"  {side,-8} {costs.Min(c => c.Best) * 1e6:F0} µs a step (median {costs.SelectMany(c => c.Seconds).Order().ElementAt(costs.Sum(c => c.Seconds.Length) / 2) * 1e6:F0}), peak memory {costs.Max(c => c.PeakBytes) >> 20} MiB"));

    /// <summary>Our side, in this child process: prints what it took.</summary>
    private void Work(string folder)
    {
        var shape = StepShape.Read<TShape>(folder);
        var numbers = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Path.Combine(folder, StepShape.NumbersFile))).ToArray();
        var position = 0;
        var (device, note) = ComputeDevices.Choose(Device, multiplications: 0);
        if (note is not null)
            throw new InvalidOperationException(note);

        var step = new TrainingStep("network") { MeasuresGradient = false };
        long[] dimensions = [shape.Rows, .. shape.Features.Select(f => (long)f)];
        var elements = (int)dimensions.Aggregate(1L, (a, b) => a * b);
        var features = step.Data("features", Shape.Of(dimensions.Select(d => (Dimension)d)));
        var targets = step.Data("targets", [shape.Rows, shape.Classes]);
        var scores = Build(shape, features, (name, size) => step.Parameter(name, Take((int)size.Aggregate(1L, (a, b) => a * b)), size));
        step.Minimize(-(targets * scores.LogSoftmax()).ReduceSum([1]).ReduceMean(), new Adam());
        var batches = Enumerable.Range(0, shape.Batches)
            .Select(_ => (Features: Take(elements), Classes: Array.ConvertAll(Take(shape.Rows), c => (int)c))).ToArray();
        using var session = new TrainingSession(
            step,
            new Dictionary<string, (float[], long[])>
            {
                ["features"] = (new float[elements], dimensions),
                ["targets"] = (new float[shape.Rows * shape.Classes], [shape.Rows, shape.Classes]),
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

        float Step()
        {
            var batch = batches[done++ % batches.Length];
            batch.Features.CopyTo(session.Rewrite("features"));
            var oneHot = session.Rewrite("targets");
            oneHot.Clear();
            foreach (var (row, label) in batch.Classes.Index())
                oneHot[(row * shape.Classes) + label] = 1;
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
}
