namespace MeLo.Edge.Phantoms;

/// <summary>A volume, as a small part of a computed tomography: as many slices as rows and columns.</summary>
/// <param name="Size">Voxels along each edge.</param>
/// <param name="Voxels">[slice, row, column].</param>
public sealed record Volume(int Size, byte[] Voxels);
