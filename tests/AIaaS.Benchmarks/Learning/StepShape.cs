using System.Text.Json;
using System.Text.Json.Serialization;
using AIaaS.Learning.Training;

namespace AIaaS.Benchmarks.Learning;

/// <summary>A network and its batches, written for both sides.</summary>
internal abstract record StepShape
{
    public const string NumbersFile = "numbers.bin";
    private const string ShapeFile = "shape.json";

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

    /// <summary>The dimensions of one row.</summary>
    [JsonIgnore]
    public abstract int[] Features { get; }

    [JsonIgnore]
    public abstract int Classes { get; }

    /// <summary>In the order in which both sides take them: how many weights and biases each layer has, and how many inputs a unit of it.</summary>
    [JsonIgnore]
    public abstract IEnumerable<(int Count, int Inputs)> Layers { get; }

    public static T Read<T>(string folder) =>
        JsonSerializer.Deserialize<T>(File.ReadAllBytes(Path.Combine(folder, ShapeFile)), JsonSerializerOptions.Web)!;

    public void Write(string folder)
    {
        File.WriteAllBytes(Path.Combine(folder, ShapeFile), JsonSerializer.SerializeToUtf8Bytes(this, GetType(), JsonSerializerOptions.Web));
        using var numbers = new BinaryWriter(File.Create(Path.Combine(folder, NumbersFile)));
        var generator = new CounterGenerator(seed: 1, stream: 0);
        long counter = 0;
        foreach (var (count, inputs) in Layers)
        {
            var bound = 1 / Math.Sqrt(inputs);
            for (var i = 0; i < count; i++)
                numbers.Write((float)(Next() * bound));
        }

        var features = Features.Aggregate(1, (a, b) => a * b);
        for (var batch = 0; batch < Batches; batch++)
        {
            for (var i = 0; i < Rows * features; i++)
                numbers.Write((float)Next());
            for (var row = 0; row < Rows; row++)
                numbers.Write((float)(int)((Next() + 1) / 2 * Classes));
        }

        double Next() => (2 * generator.Uniform(counter++)) - 1;
    }
}
