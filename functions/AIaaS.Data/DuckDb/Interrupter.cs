namespace AIaaS.Data.DuckDb;

/// <summary>Interrupts the query of a connection when a token is cancelled.</summary>
/// <remarks>
/// DuckDB forgets an interrupt that comes before the query has begun, so it is repeated until the call has returned.
/// </remarks>
internal sealed class Interrupter : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly Lock _gate = new();
    private readonly ConnectionHandle _connection;
    private readonly CancellationTokenRegistration _registration;
    private Timer? _timer;
    private bool _ended;

    public Interrupter(ConnectionHandle connection, CancellationToken cancellationToken)
    {
        _connection = connection;
        _registration = cancellationToken.UnsafeRegister(static self => ((Interrupter)self!).Start(), this);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _ended = true;
            _timer?.Dispose();
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
}
