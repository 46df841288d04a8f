namespace AIaaS.Learning.Training;

/// <summary>
/// A matrix most of whose numbers are 0, by rows and by columns, so that each element of a product is summed by one thread in one order:
/// the result does not depend on the number of threads.
/// </summary>
internal sealed class SparseMatrix
{
    /// <summary>Above this share of numbers that are not 0, going through all of them is faster.</summary>
    private const double MostDense = 0.1;

    // Below so many multiplications, threads cost more than they give.
    private const long WorthwhileForThreads = 500_000;

    private readonly Compressed _byRow;
    private readonly Compressed _byColumn;

    private SparseMatrix(Compressed byRow, Compressed byColumn) => (_byRow, _byColumn) = (byRow, byColumn);

    public int Rows => _byRow.Starts.Length - 1;

    public int Columns => _byColumn.Starts.Length - 1;

    /// <summary>The matrix without its zeros; null where it has too few of them to be worth it.</summary>
    /// <param name="dense">Row after row.</param>
    /// <param name="rows">How many.</param>
    /// <param name="columns">Numbers a row.</param>
    public static SparseMatrix? Of(float[] dense, int rows, int columns)
    {
        var most = (long)(dense.LongLength * MostDense);
        var (starts, indices, numbers) = (new int[rows + 1], new List<int>(), new List<float>());
        for (var row = 0; row < rows; row++)
        {
            var values = dense.AsSpan(row * columns, columns);
            var from = 0;
            while (values[from..].IndexOfAnyExcept(0f) is >= 0 and var next)
            {
                from += next;
                indices.Add(from);
                numbers.Add(values[from]);
                from++;
            }

            if (indices.Count > most)
                return null;
            starts[row + 1] = indices.Count;
        }

        var byRow = new Compressed(starts, [.. indices], [.. numbers]);
        return new(byRow, byRow.Transpose(columns));
    }

    /// <summary>Scores: <c>this · weights + intercept</c>.</summary>
    /// <param name="weights">Column after column of this matrix, a number for each score.</param>
    /// <param name="intercept">A number for each score.</param>
    /// <param name="into">Row after row, a number for each score.</param>
    /// <param name="threads">Threads it may use.</param>
    public void Multiply(float[] weights, float[] intercept, float[] into, int threads) =>
        _byRow.Multiply(weights, intercept, into, intercept.Length, Threads(threads, intercept.Length));

    /// <summary>What the gradients by scores are by weights and intercept: <c>thisᵀ · gradients</c> and their sums.</summary>
    /// <param name="gradients">Row after row, a number for each score.</param>
    /// <param name="into">Column after column, a number for each score.</param>
    /// <param name="intercept">A number for each score.</param>
    /// <param name="threads">Threads it may use.</param>
    public void MultiplyTransposed(float[] gradients, float[] into, float[] intercept, int threads)
    {
        var width = intercept.Length;
        _byColumn.Multiply(gradients, new float[width], into, width, Threads(threads, width));
        for (var score = 0; score < width; score++)
        {
            double sum = 0;
            for (var i = score; i < gradients.Length; i += width)
                sum += gradients[i];
            intercept[score] = (float)sum;
        }
    }

    private int Threads(int allowed, int width) => (long)_byRow.Values.Length * width < WorthwhileForThreads ? 1 : allowed;

    /// <param name="Starts">Where each line begins, and the end.</param>
    /// <param name="Indices">Places along the line.</param>
    /// <param name="Values">What is there.</param>
    private sealed record Compressed(int[] Starts, int[] Indices, float[] Values)
    {
        private int Lines => Starts.Length - 1;

        /// <summary>The same numbers by their places along the lines.</summary>
        public Compressed Transpose(int places)
        {
            var starts = new int[places + 1];
            foreach (var place in Indices)
                starts[place + 1]++;
            for (var place = 0; place < places; place++)
                starts[place + 1] += starts[place];
            var result = new Compressed(starts, new int[Indices.Length], new float[Values.Length]);
            var ends = starts[..^1];
            for (var line = 0; line < Lines; line++)
            {
                for (var i = Starts[line]; i < Starts[line + 1]; i++)
                {
                    var at = ends[Indices[i]]++;
                    (result.Indices[at], result.Values[at]) = (line, Values[i]);
                }
            }

            return result;
        }

        public void Multiply(float[] by, float[] offset, float[] into, int width, int threads)
        {
            if (threads <= 1)
            {
                Multiply(by, offset, into, width, 0, Lines);
                return;
            }

            // Lines differ much in length; more parts than threads even that out.
            var parts = threads * 8;
            Parallel.For(0, parts, new ParallelOptions { MaxDegreeOfParallelism = threads }, part =>
                Multiply(by, offset, into, width, (int)((long)Lines * part / parts), (int)((long)Lines * (part + 1) / parts)));
        }

        private void Multiply(float[] by, float[] offset, float[] into, int width, int from, int to)
        {
            for (var line = from; line < to; line++)
            {
                var indices = Indices.AsSpan(Starts[line]..Starts[line + 1]);
                var values = Values.AsSpan(Starts[line]..Starts[line + 1]);
                if (width == 1)
                {
                    var sum = (double)offset[0];
                    for (var i = 0; i < indices.Length; i++)
                        sum += values[i] * by[indices[i]];
                    into[line] = (float)sum;
                    continue;
                }

                var sums = into.AsSpan(line * width, width);
                offset.CopyTo(sums);
                for (var i = 0; i < indices.Length; i++)
                {
                    var value = values[i];
                    var row = by.AsSpan(indices[i] * width, width);
                    for (var score = 0; score < sums.Length; score++)
                        sums[score] += value * row[score];
                }
            }
        }
    }
}
