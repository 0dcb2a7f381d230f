namespace MeLo.Edge.Service.Bundles;

/// <summary>What a pass over the bundles found.</summary>
internal sealed record BundleScan
{
    /// <summary>Whether a later pass will find something to do without anybody doing anything.</summary>
    public bool IsMoving { get; set; }

    /// <summary>Files that wait because nobody is trusted yet.</summary>
    public int WaitingForTrust { get; set; }

    /// <summary>Files that cannot be read, and bundles that cannot be activated, through no fault of their own: every pass tries them again.</summary>
    public int Failing { get; set; }
}
