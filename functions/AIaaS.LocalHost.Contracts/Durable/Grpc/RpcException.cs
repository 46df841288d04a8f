namespace Grpc.Core;

/// <summary>What the genuine Durable client throws when its host refuses a call.</summary>
public class RpcException : Exception
{
    public RpcException(Status status)
        : this(status, status.ToString())
    {
    }

    public RpcException(Status status, string message)
        : base(message, status.DebugException)
    {
        Status = status;
    }

    public Status Status { get; }

    public StatusCode StatusCode => Status.StatusCode;
}
