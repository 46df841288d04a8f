namespace AIaaS.Learning.Training;

/// <summary>
/// Which rows each step of a training sees. The rows of every epoch are shuffled anew, and batches are cut from the endless sequence
/// of epochs: all have the same size, every row is seen once an epoch, and a batch may reach from one epoch into the next.
/// </summary>
/// <param name="rows">Rows of the data.</param>
/// <param name="size">Rows of a batch, at most all.</param>
/// <param name="seed">Decides the order, together with the epoch.</param>
internal sealed class Minibatches(int rows, int size, long seed)
{
    private const long Stream = 0x6F72646572; // "order"

    private readonly int[]?[] _orders = new int[2][];
    private readonly long[] _epochs = [-1, -1];

    public int Size { get; } = Math.Min(rows, size);

    /// <summary>The steps after which so many epochs have been seen whole.</summary>
    public long StepsOf(int epochs) => (((long)epochs * rows) + Size - 1) / Size;

    /// <param name="step">From 0.</param>
    /// <param name="batch">Gets <see cref="Size"/> row numbers.</param>
    public void Read(long step, Span<int> batch)
    {
        for (var i = 0; i < batch.Length; i++)
        {
            var (epoch, at) = Math.DivRem((step * Size) + i, rows);
            batch[i] = OrderOf(epoch)[at];
        }
    }

    private int[] OrderOf(long epoch)
    {
        var slot = epoch & 1;
        if (_epochs[slot] != epoch)
            (_orders[slot], _epochs[slot]) = (new CounterGenerator(seed, (Stream << 24) + epoch).Permutation(rows), epoch);
        return _orders[slot]!;
    }
}

/// <summary>Writes what one batch gives to a data input.</summary>
/// <param name="rows">The rows of the batch.</param>
/// <param name="step">From 0.</param>
/// <param name="elements">The input, row after row.</param>
internal delegate void MinibatchWriter(ReadOnlySpan<int> rows, long step, Span<float> elements);

/// <summary>A data input of a minibatch step.</summary>
/// <param name="Name">The input of the graph.</param>
/// <param name="RowDimensions">Dimensions of one row.</param>
/// <param name="Write">Writes the rows of a batch.</param>
internal sealed record MinibatchInput(string Name, long[] RowDimensions, MinibatchWriter Write)
{
    /// <summary>Rows of a table.</summary>
    /// <param name="name">The input of the graph.</param>
    /// <param name="elements">Row after row.</param>
    /// <param name="rowDimensions">Dimensions of one row; none for a single number.</param>
    public static MinibatchInput Rows(string name, float[] elements, params long[] rowDimensions)
    {
        var width = (int)rowDimensions.Aggregate(1L, (product, d) => product * d);
        return new(name, rowDimensions, (rows, _, batch) =>
        {
            for (var i = 0; i < rows.Length; i++)
                elements.AsSpan(rows[i] * width, width).CopyTo(batch.Slice(i * width, width));
        });
    }

    /// <summary>A class of each row as 1 among zeros.</summary>
    public static MinibatchInput Classes(string name, int[] classes, int count) => new(name, [count], (rows, _, batch) =>
    {
        batch.Clear();
        for (var i = 0; i < rows.Length; i++)
            batch[(i * count) + classes[rows[i]]] = 1;
    });

    /// <summary>Zeros for a share of the elements and, for the others, what makes up for them (inverted dropout, Srivastava et al. 2014).</summary>
    /// <param name="name">The input of the graph, which tells apart the masks of one training.</param>
    /// <param name="width">Elements of a row.</param>
    /// <param name="rate">Share of zeros, to 1/65536.</param>
    /// <param name="seed">The mask is a function of it, the name and the step.</param>
    public static MinibatchInput Dropout(string name, int width, double rate, long seed)
    {
        var dropped = (uint)Math.Round(rate * 65536);
        var kept = (float)(65536.0 / (65536 - dropped));
        var stream = name.Aggregate(0x64726F70L, (hash, letter) => (hash * 31) + letter);
        var key = ((uint)seed, (uint)((ulong)seed >> 32));
        return new(name, [width], (_, step, mask) =>
        {
            for (var i = 0; i < mask.Length; i += 8)
            {
                var (a, b, c, d) = CounterGenerator.Block(((uint)i, (uint)step, (uint)((ulong)step >> 32), (uint)stream), key);
                ReadOnlySpan<uint> words = [a, b, c, d];
                for (var j = i; j < Math.Min(i + 8, mask.Length); j++)
                    mask[j] = ((words[(j - i) >> 1] >> (16 * (j & 1))) & 0xFFFF) < dropped ? 0 : kept;
            }
        });
    }
}
