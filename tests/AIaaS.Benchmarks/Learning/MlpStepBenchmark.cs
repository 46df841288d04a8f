using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Trainers;
using AIaaS.Learning.Training;

namespace AIaaS.Benchmarks.Learning;

/// <summary>A multilayer perceptron.</summary>
internal sealed class MlpStepBenchmark : StepBenchmark<PerceptronShape>
{
    public override string Name => "mlp-step";

    public override string Description => "a training step of a multilayer perceptron against PyTorch, one thread; or --device cuda";

    // The second is so wide that both sides do little but multiply matrices.
    protected override IReadOnlyList<PerceptronShape> Shapes { get; } =
    [
        new() { Widths = [100, 128, 128, 10], Rows = 128, Steps = 200 },
        new() { Widths = [512, 1024, 1024, 10], Rows = 256, Steps = 8, Rate = 3e-5 },
    ];

    protected override double Aim => 1.5;

    protected override string Script => "mlp_step.py";

    public override async Task<BenchmarkOutcome> RunAsync(CancellationToken cancellationToken)
    {
        var outcome = await base.RunAsync(cancellationToken);
        if (Device == Cuda)
            CompareTrainings(cancellationToken);
        return outcome;
    }

    protected override Value Build(PerceptronShape shape, Value features, Func<string, long[], Value> weight)
    {
        var x = features;
        for (var layer = 1; layer < shape.Widths.Length; layer++)
        {
            var (inputs, outputs) = (shape.Widths[layer - 1], shape.Widths[layer]);
            x = x.Gemm(weight($"weights_{layer}", [inputs, outputs]), weight($"bias_{layer}", [outputs]));
            if (layer < shape.Widths.Length - 1)
                x = x.Relu();
        }

        return x;
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
}

internal sealed record PerceptronShape : StepShape
{
    /// <summary>Features, hidden layers, classes.</summary>
    public required int[] Widths { get; init; }

    public override int[] Features => [Widths[0]];

    public override int Classes => Widths[^1];

    public override IEnumerable<(int Count, int Inputs)> Layers => Widths.Zip(Widths.Skip(1), (inputs, outputs) => ((inputs + 1) * outputs, inputs));

    public override string ToString() => string.Join('-', Widths);
}
