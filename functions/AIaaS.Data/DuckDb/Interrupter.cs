namespace AIaaS.Data.DuckDb;

/// <summary>Interrupts the statement of a connection when a token is cancelled, and tells how far it is until then.</summary>
/// <remarks>
/// DuckDB forgets an interrupt that comes before the query has begun, so it is repeated until the call has returned.
/// </remarks>
internal sealed class Interrupter : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan ProgressPause = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private readonly ConnectionHandle _connection;
    private readonly CancellationTokenRegistration _registration;
    private readonly Timer? _progressTimer;
    private Timer? _timer;
    private bool _ended;

    public Interrupter(ConnectionHandle connection, CancellationToken cancellationToken)
    {
        _connection = connection;
        if (connection.Progress is not null)
            _progressTimer = new Timer(static self => ((Interrupter)self!).Report(), this, ProgressPause, ProgressPause);
        _registration = cancellationToken.UnsafeRegister(static self => ((Interrupter)self!).Start(), this);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _ended = true;
            _timer?.Dispose();
            _progressTimer?.Dispose();
        }
        _registration.Unregister();
    }

    private void Start()
    {
        lock (_gate)
        {
            if (!_ended)
                _timer = new Timer(static self => ((Interrupter)self!).Interrupt(), this, TimeSpan.Zero, Pause);
        }
    }

    private void Interrupt()
    {
        lock (_gate)
        {
            if (!_ended)
                NativeMethods.duckdb_interrupt(_connection);
        }
    }

    private void Report()
    {
        // Never while the caller's own thread runs on: it would hear two reports at once.
        lock (_gate)
        {
            if (_ended)
                return;
            double percentage = NativeMethods.duckdb_query_progress(_connection).Percentage;
            if (percentage < 0)
                return;
            try
            {
                _connection.Progress?.Invoke(Math.Min(percentage / 100, 1));
            }
            catch
            {
                // An exception on this thread would end the process; the caller's next report throws it where it can be caught.
                _connection.Progress = null;
            }
        }
    }
}
