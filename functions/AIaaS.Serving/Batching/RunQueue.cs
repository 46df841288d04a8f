using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Batching;

/// <summary>
/// Gives the requests for one model their turns. A request for an idle model runs at once on its own thread; those that come
/// while all lanes run gather, and the next free lane takes as many of them together as one run may have.
/// </summary>
/// <remarks>
/// Requests with more rows than one turn run in parts and go to the back after each, in turn with the small ones, so that
/// neither waits for the whole of the other. Models whose runs are shorter than handing a request to another thread take
/// no turns at all: every request runs on its own thread.
/// </remarks>
internal sealed class RunQueue(BatchingOptions options, int lanes, TimeProvider timeProvider)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<QueuedRun> _small = [];
    private readonly LinkedList<QueuedRun> _large = [];
    private int _running;
    private long _waitingRows;
    private long _largeRows;
    private int _loners;
    private bool _wasLarge;
    private long _runs;
    private long _requests;
    private long _rows;
    private long _joinedRuns;
    private int _largestRun;

    public RunCost Cost { get; } = new(options, timeProvider.TimestampFrequency);

    /// <summary>Requests that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
                return _small.Count + _large.Count;
        }
    }

    /// <summary>Most rows of one run for now.</summary>
    public int RowsPerTurn => Cost.RowsPerTurn;

    private bool TakesTurns => options.Mode == BatchingMode.On || !Cost.IsShort;

    private bool Joins => options.Mode == BatchingMode.On || (options.Mode == BatchingMode.Auto && Cost.IsWorthJoining());

    public RunStatistics GetStatistics() => new(
        Interlocked.Read(ref _runs), Interlocked.Read(ref _requests), Interlocked.Read(ref _rows), Interlocked.Read(ref _joinedRuns), Volatile.Read(ref _largestRun));

    /// <summary>Refuses a request before any work is spent on it; its rows are not known yet, and taken to be few.</summary>
    /// <exception cref="PredictionOverloadException">It would have to wait too long.</exception>
    public void ThrowIfFull(TimeSpan? timeout)
    {
        if (Volatile.Read(ref _waitingRows) == 0)
            return;
        lock (_lock)
            ThrowIfFullLocked(RowsBeforeSmall(), timeout);
    }

    /// <summary>Lets a request run on its own thread.</summary>
    /// <param name="rows">Its rows.</param>
    /// <param name="lane">Whether it took a lane, to be given back by <see cref="Exit"/>.</param>
    /// <returns>False where it has to wait its turn.</returns>
    public bool TryEnter(int rows, out bool lane)
    {
        lane = false;
        if (!TakesTurns)
            return true;
        lock (_lock)
        {
            if (_running == lanes || rows > RowsPerTurn)
                return false;
            _running++;
        }

        return lane = true;
    }

    /// <summary>Gives a lane back, or passes it on to those who wait.</summary>
    /// <param name="model">Held by the caller.</param>
    public void Exit(LoadedModel model)
    {
        lock (_lock)
        {
            if (_small.Count + _large.Count == 0)
            {
                _running--;
                return;
            }
        }

        Start(model);
    }

    /// <summary>Waits for a request's turn and its end.</summary>
    /// <param name="run">A request that may leave by its token at any time.</param>
    /// <param name="model">Held by the caller.</param>
    /// <param name="timeout">What the request has left, where it has a deadline.</param>
    /// <exception cref="PredictionOverloadException">It would have to wait too long.</exception>
    public async Task<RunOutcome> RunAsync(QueuedRun run, LoadedModel model, TimeSpan? timeout)
    {
        bool start;
        lock (_lock)
        {
            ThrowIfFullLocked(IsLarge(run) ? RowsBeforeLarge(run.Rows) : RowsBeforeSmall(), timeout);
            Add(run);
            start = _running < lanes;
            if (start)
                _running++;
        }

        if (start)
            Start(model);
        using (run.CancellationToken.UnsafeRegister(static (state, _) =>
        {
            var (queue, leaving) = ((RunQueue, QueuedRun))state!;
            queue.Leave(leaving);
        }, (this, run)))
            return await run.Task;
    }

    /// <summary>Notes a run.</summary>
    /// <param name="requests">Requests in it.</param>
    /// <param name="rows">Rows in it.</param>
    /// <param name="ticks">Timestamp ticks it took.</param>
    public void Record(int requests, int rows, long ticks)
    {
        Cost.Record(rows, ticks);
        Interlocked.Increment(ref _runs);
        Interlocked.Add(ref _requests, requests);
        Interlocked.Add(ref _rows, rows);
        if (requests > 1)
            Interlocked.Increment(ref _joinedRuns);
        if (rows > Volatile.Read(ref _largestRun))
            Volatile.Write(ref _largestRun, rows);
    }

    private void ThrowIfFullLocked(long rowsBefore, TimeSpan? timeout)
    {
        var wait = TimeSpan.FromSeconds(rowsBefore * Cost.Row / lanes);
        if (_small.Count + _large.Count >= options.MaxWaiting || wait > options.MaxWait)
            throw new PredictionOverloadException("The model has more requests than it can answer. Send fewer at a time, or try again.", RoundUp(wait));
        if (wait > timeout)
            throw new PredictionOverloadException("The request cannot be answered before its deadline, because others came before it. Try again, or allow it more time.", RoundUp(wait));
    }

    /// <summary>Rows that run before a small request: those of the small ones that wait, and a part of a large one before each of their turns and its own.</summary>
    private long RowsBeforeSmall()
    {
        var (small, most) = (_waitingRows - _largeRows, RowsPerTurn);
        var turns = Joins ? Math.Min(_small.Count, _loners + (small / most)) : _small.Count;
        return small + Math.Min(_largeRows, (turns + 1) * most);
    }

    /// <summary>Rows that run before the last of a large request: of each other large one as many as it has, and small ones in turn with all of these.</summary>
    private long RowsBeforeLarge(long rows)
    {
        var large = Math.Min(_largeRows, _large.Count * rows);
        return large + Math.Min(_waitingRows - _largeRows, large + rows);
    }

    private static TimeSpan RoundUp(TimeSpan wait) => TimeSpan.FromSeconds(Math.Max(1, Math.Ceiling(wait.TotalSeconds)));

    private void Add(QueuedRun run)
    {
        run.State = QueuedRunState.Waiting;
        run.IsLoner = run is not { CanJoin: true, Done: 0 };
        run.Node = (IsLarge(run) ? _large : _small).AddLast(run);
        Count(run, 1);
    }

    private void Remove(QueuedRun run)
    {
        Count(run, -1);
        run.Node!.List!.Remove(run.Node);
        run.Node = null;
    }

    private void Count(QueuedRun run, int sign)
    {
        var rows = sign * (run.Rows - run.Done);
        _waitingRows += rows;
        if (run.Node!.List == _large)
            _largeRows += rows;
        else if (run.IsLoner)
            _loners += sign;
    }

    private bool IsLarge(QueuedRun run) => run.CanSplit && run.Rows - run.Done > RowsPerTurn;

    private void Leave(QueuedRun run)
    {
        lock (_lock)
        {
            // A claimed one leaves when the lane is done with its rows.
            if (run.State == QueuedRunState.Claimed)
                return;
            if (run.Node is not null)
                Remove(run);
        }

        run.Leave();
    }

    private void Start(LoadedModel model)
    {
        model.Retain();
        ThreadPool.UnsafeQueueUserWorkItem(new Lane(this, model), preferLocal: false);
    }

    /// <summary>Takes what runs next; gives the lane back where nothing waits.</summary>
    private bool TryTake(List<QueuedRun> taken)
    {
        taken.Clear();
        lock (_lock)
        {
            var list = _small.Count == 0 || (_large.Count > 0 && !_wasLarge) ? _large : _small;
            if (list.First is not { Value: var first })
            {
                _running--;
                return false;
            }

            _wasLarge = list == _large;
            Claim(first);
            if (!_wasLarge && first is { CanJoin: true, Done: 0 } && Joins)
            {
                var (rows, most) = (first.Rows, RowsPerTurn);
                while (_small.First is { Value: { CanJoin: true, Done: 0 } next } && rows + next.Rows <= most && first.JoinsWith(next))
                {
                    rows += next.Rows;
                    Claim(next);
                }
            }
        }

        return true;

        void Claim(QueuedRun run)
        {
            Remove(run);
            run.State = QueuedRunState.Claimed;
            if (run.QueueTicks < 0)
                run.QueueTicks = timeProvider.GetTimestamp() - run.Enqueued;
            taken.Add(run);
        }
    }

    /// <summary>Lets those leave whose rows are copied.</summary>
    private void MarkCopied(List<QueuedRun> runs)
    {
        lock (_lock)
        {
            foreach (var run in runs)
                run.State = QueuedRunState.Copied;
        }

        foreach (var run in runs)
        {
            if (run.CancellationToken.IsCancellationRequested)
                run.Leave();
        }
    }

    /// <summary>Takes a request's rows into use again.</summary>
    /// <returns>False where it has left.</returns>
    private bool TryReclaim(QueuedRun run)
    {
        lock (_lock)
        {
            if (!run.Task.IsCompleted && !run.CancellationToken.IsCancellationRequested)
            {
                run.State = QueuedRunState.Claimed;
                return true;
            }
        }

        run.Leave();
        return false;
    }

    private void Requeue(QueuedRun run)
    {
        lock (_lock)
            Add(run);
        // Its token may have fired while it was claimed.
        if (run.CancellationToken.IsCancellationRequested)
            Leave(run);
    }

    /// <summary>One thread's turn after another; it holds the model as long as something waits.</summary>
    private sealed class Lane(RunQueue queue, LoadedModel model) : IThreadPoolWorkItem
    {
        private readonly List<QueuedRun> _taken = [];

        public void Execute()
        {
            if (!queue.TryTake(_taken))
            {
                model.Release();
                return;
            }

            if (_taken.Count == 1)
                RunAlone(_taken[0]);
            else
                RunTogether();
            // Between turns the thread is free for what else waits, other models above all.
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        private void RunAlone(QueuedRun run)
        {
            try
            {
                // Others may have shown meanwhile that its rows have to run together.
                if (!run.CanSplit)
                    run.Done = 0;
                var started = queue.Now();
                var count = run.Run(run.Done, run.CanSplit ? Math.Min(run.Rows - run.Done, queue.RowsPerTurn) : run.Rows);
                var ticks = queue.Now() - started;
                model.NoteRun(1, count, ticks);
                run.RunTicks += ticks;
                run.RunRows = Math.Max(run.RunRows, count);
                if (run.Done + count < run.Rows)
                {
                    run.Done += count;
                    queue.Requeue(run);
                    return;
                }

                run.TryComplete(shared: null, first: 0);
            }
#pragma warning disable CA1031 // Told to the one who waits for it.
            catch (Exception e)
#pragma warning restore CA1031
            {
                run.Fail(e);
            }
        }

        private void RunTogether()
        {
            JoinedRun? joined = null;
            try
            {
                joined = _taken[0].Join(_taken, model);
                queue.MarkCopied(_taken);
                if (_taken.TrueForAll(static run => run.Task.IsCompleted))
                    return;

                var started = queue.Now();
                joined.Run();
                var ticks = queue.Now() - started;
                model.NoteRun(_taken.Count, joined.Rows, ticks);
                var first = 0;
                foreach (var run in _taken)
                {
                    run.RunTicks += ticks;
                    run.RunRows = joined.Rows;
                    if (!joined.CopiesOutputs || queue.TryReclaim(run))
                        joined.Complete(run, first);
                    first += run.Rows;
                }
            }
#pragma warning disable CA1031 // One request's rows may have failed it; each is told its own outcome.
            catch (Exception)
#pragma warning restore CA1031
            {
                foreach (var run in _taken)
                {
                    if (queue.TryReclaim(run))
                        RunAlone(run);
                }
            }
            finally
            {
                joined?.Dispose();
            }
        }
    }

    private long Now() => timeProvider.GetTimestamp();
}
