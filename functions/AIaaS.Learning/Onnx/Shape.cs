using System.Collections;
using System.Runtime.CompilerServices;

namespace AIaaS.Learning.Onnx;

/// <summary>One dimension of a shape: a size known when the graph is built, or a name for one that is not.</summary>
internal readonly record struct Dimension
{
    private Dimension(long? size, string? name) => (Size, Name) = (size, name);

    public long? Size { get; }

    public string? Name { get; }

    public static implicit operator Dimension(long size) =>
        size >= 0 ? new(size, null) : throw new ArgumentOutOfRangeException(nameof(size), size, "A dimension is at least 0.");

    public static implicit operator Dimension(string name) => new(null, name);

    public override string ToString() => Name ?? Size!.Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>The dimensions of a tensor; an empty shape is a scalar's.</summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
internal sealed class Shape : IReadOnlyList<Dimension>, IEquatable<Shape>
{
    private readonly Dimension[] _dimensions;

    private Shape(Dimension[] dimensions) => _dimensions = dimensions;

    public static Shape Scalar { get; } = new([]);

    public int Count => _dimensions.Length;

    /// <summary>Number of dimensions.</summary>
    public int Rank => _dimensions.Length;

    /// <summary>Number of elements, where every dimension is known.</summary>
    public long? Elements => _dimensions.Aggregate((long?)1, (product, dimension) => product * dimension.Size);

    public Dimension this[int index] => _dimensions[index];

    public static Shape Create(ReadOnlySpan<Dimension> dimensions) => new(dimensions.ToArray());

    public static Shape Of(IEnumerable<Dimension> dimensions) => new(dimensions.ToArray());

    /// <summary>The index from the front of an axis that may count from the back.</summary>
    public int Axis(int axis) =>
        axis >= -Rank && axis < Rank
            ? (axis + Rank) % Rank
            : throw new ArgumentOutOfRangeException(nameof(axis), axis, $"The shape {this} has no such axis.");

    public long SizeOf(int axis) =>
        this[Axis(axis)].Size ?? throw new InvalidOperationException($"Axis {axis} of {this} must have a known size here.");

    public Shape With(int axis, Dimension dimension)
    {
        var dimensions = (Dimension[])_dimensions.Clone();
        dimensions[Axis(axis)] = dimension;
        return new(dimensions);
    }

    /// <summary>One dimension for all the elements of several.</summary>
    public static Dimension Product(IEnumerable<Dimension> dimensions)
    {
        Dimension[] factors = [.. dimensions.Where(d => d.Size != 1)];
        return Of(factors).Elements is { } elements ? elements
            : factors.Length == 1 ? factors[0]
            : string.Join('*', factors);
    }

    /// <summary>The shape of an elementwise operator's result (ONNX multidirectional broadcasting).</summary>
    /// <exception cref="ArgumentException">The shapes do not fit each other.</exception>
    public static Shape Broadcast(Shape a, Shape b)
    {
        var result = new Dimension[Math.Max(a.Rank, b.Rank)];
        for (var i = 0; i < result.Length; i++)
        {
            var fromA = a.FromBack(result.Length - i);
            var fromB = b.FromBack(result.Length - i);
            result[i] = fromA == fromB || fromB.Size == 1 ? fromA
                : fromA.Size == 1 ? fromB
                : throw new ArgumentException($"Shapes {a} and {b} do not broadcast.");
        }

        return new(result);
    }

    public bool Equals(Shape? other) => other is not null && _dimensions.AsSpan().SequenceEqual(other._dimensions);

    public override bool Equals(object? obj) => Equals(obj as Shape);

    public override int GetHashCode() => _dimensions.Aggregate(Rank, HashCode.Combine);

    public IEnumerator<Dimension> GetEnumerator() => _dimensions.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => $"[{string.Join(", ", _dimensions)}]";

    private Dimension FromBack(int position) => position <= Rank ? _dimensions[Rank - position] : 1;
}
