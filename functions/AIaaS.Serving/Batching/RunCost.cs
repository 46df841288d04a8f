namespace AIaaS.Serving.Batching;

/// <summary>What a model's runs take, learned from those that were.</summary>
/// <remarks>
/// Estimates follow shorter runs fast and longer ones slowly: a thread that loses its core for a while says nothing about the
/// model. Concurrent updates may lose one another, which costs a sample.
/// </remarks>
internal sealed class RunCost(BatchingOptions options, long frequency)
{
    private const int FewRows = 2;
    private const int ManyRows = 8;

    /// <summary>Joining must save this share of a row's cost, or copying and handing over is not worth it.</summary>
    private const double WorthJoining = 0.8;

    /// <summary>A judgement against joining is tried anew once in so many runs.</summary>
    private const int RunsBetweenTrials = 256;

    private double _alone;
    private double _row;
    private int _runs;

    /// <summary>Seconds of a run of one row; 0 where not known.</summary>
    public double Alone => Volatile.Read(ref _alone);

    /// <summary>Seconds of a row among others; 0 where not known.</summary>
    public double Row => Volatile.Read(ref _row) is > 0 and var row ? row : Alone;

    public bool IsShort => Alone < options.ShortRun.TotalSeconds;

    /// <summary>Rows that one run may have, so that others need not wait long.</summary>
    public int RowsPerTurn
    {
        get
        {
            var turn = Math.Max(options.Turn.TotalSeconds, 4 * Alone);
            return Row > 0 ? (int)Math.Clamp(turn / Row, 1, options.MaxRows) : options.MaxRows;
        }
    }

    public void Record(int rows, long ticks)
    {
        var seconds = (double)ticks / frequency;
        _runs++;
        if (rows <= FewRows)
            Follow(ref _alone, seconds);
        else if (rows >= ManyRows)
            Follow(ref _row, seconds / rows);
    }

    public bool IsWorthJoining()
    {
        var row = Volatile.Read(ref _row);
        return row <= 0 || row < WorthJoining * Alone || _runs % RunsBetweenTrials == 0;
    }

    private static void Follow(ref double estimate, double sample)
    {
        var old = Volatile.Read(ref estimate);
        Volatile.Write(ref estimate, old <= 0 ? sample : old + ((sample - old) * (sample < old ? 0.25 : 0.02)));
    }
}
